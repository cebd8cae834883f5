import { createHash, createHmac } from "node:crypto";

/** The token of an id: 256 bits that nobody without the key can tell, and that need not be stored to be shown again. */
export function installTokenOf(key: Buffer, tokenId: string): string {
  return `fpi_${createHmac("sha256", key).update(tokenId).digest("base64url")}`;
}

export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
