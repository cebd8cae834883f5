import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { createBoundedCache } from "../../bounded-cache.ts";

/** Keeps what agents say unreadable to whoever sees the database. */
export interface StreamCipher {
  seal(streamId: string, text: string): Buffer;
  /** @throws when the bytes are not what was sealed for this stream. */
  open(streamId: string, sealed: Buffer): string;
}

const algorithm = "aes-256-gcm";
const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
/** Keys of processes that wrote what is read here. */
const maxKeys = 256;
const keysForMs = 3_600_000;

/**
 * Every process seals with a key of its own, derived from a random salt, and counts its nonces (NIST SP 800-38D, 8.2.1):
 * no nonce ever comes twice under one key. Sealed are salt, nonce, ciphertext and tag; the stream's id is authenticated.
 */
export function createStreamCipher(root: Buffer): StreamCipher {
  const derive = (salt: Buffer): Buffer => createHmac("sha256", root).update(salt).digest();
  const salt = randomBytes(saltBytes);
  const ownKey = derive(salt);
  const others = createBoundedCache<Buffer>({ maxEntries: maxKeys, maxAgeMs: keysForMs });
  let sealed = 0n;
  const keyOf = (bytes: Buffer): Buffer => {
    if (bytes.equals(salt)) return ownKey;
    const name = bytes.toString("latin1");
    let key = others.get(name);
    if (key === undefined) others.set(name, (key = derive(bytes)));
    return key;
  };
  return {
    seal(streamId, text) {
      const nonce = Buffer.alloc(nonceBytes);
      nonce.writeBigUInt64BE((sealed += 1n), nonceBytes - 8);
      const cipher = createCipheriv(algorithm, ownKey, nonce).setAAD(Buffer.from(streamId));
      return Buffer.concat([salt, nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
    },
    open(streamId, bytes) {
      const nonce = bytes.subarray(saltBytes, saltBytes + nonceBytes);
      const decipher = createDecipheriv(algorithm, keyOf(bytes.subarray(0, saltBytes)), nonce, { authTagLength: tagBytes });
      decipher.setAAD(Buffer.from(streamId)).setAuthTag(bytes.subarray(-tagBytes));
      return Buffer.concat([decipher.update(bytes.subarray(saltBytes + nonceBytes, -tagBytes)), decipher.final()]).toString("utf8");
    },
  };
}
