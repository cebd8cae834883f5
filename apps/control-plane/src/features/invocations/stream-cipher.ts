import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";

/** Keeps what agents say unreadable to whoever sees the database. */
export interface StreamCipher {
  seal(streamId: string, text: string): Buffer;
  /** @throws when the bytes are not what was sealed for this stream. */
  open(streamId: string, sealed: Buffer): string;
}

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/** Every stream has a key of its own, so that random nonces (NIST SP 800-38D, 8.2.2) never run out. */
export function createStreamCipher(key: Buffer): StreamCipher {
  const keyOf = (streamId: string): Buffer => createHmac("sha256", key).update(streamId).digest();
  return {
    seal(streamId, text) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, keyOf(streamId), nonce);
      return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
    },
    open(streamId, sealed) {
      const decipher = createDecipheriv(algorithm, keyOf(streamId), sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
      decipher.setAuthTag(sealed.subarray(-tagBytes));
      return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString("utf8");
    },
  };
}
