/** Values that only this server (and its replicas, which share the secret) can read or write: cookies. */
import { EncryptJWT, jwtDecrypt } from "jose";
import { hkdfSync } from "node:crypto";

export interface Seal<T> {
  seal(value: T): Promise<string>;
  /** Undefined for what is forged, damaged, over, or sealed for another purpose. */
  open(sealed: string): Promise<T | undefined>;
}

const KEY_BYTES = 32;

/** @param purpose keeps values of one kind from being taken for another */
export function createSeal<T>(options: {
  secret: string;
  purpose: string;
  lifetimeSeconds: number;
  parse: (value: unknown) => T | undefined;
}): Seal<T> {
  const key = new Uint8Array(hkdfSync("sha256", options.secret, "", `web/${options.purpose}`, KEY_BYTES));
  return {
    seal: (value) =>
      new EncryptJWT({ value })
        .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
        .setIssuedAt()
        .setExpirationTime(`${options.lifetimeSeconds}s`)
        .encrypt(key),
    async open(sealed) {
      try {
        const { payload } = await jwtDecrypt(sealed, key, { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] });
        return options.parse(payload["value"]);
      } catch {
        // Whoever sends such a cookie is simply not signed in; why is nobody's business.
        return undefined;
      }
    },
  };
}
