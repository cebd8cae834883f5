import type { KeyObject } from "node:crypto";

/**
 * A key as bytes or as what `createSecretKey` of node:crypto makes of them. Both sign alike; where thousands of
 * signatures a second share a key, the key object makes each about five times as fast.
 */
export type HmacKey = Buffer | KeyObject;

/** HMAC-SHA256 gains no strength from a key longer than its output and loses some with a shorter one (RFC 2104, section 3). */
export const MIN_KEY_BYTES = 32;

/** A key that must not be used. The message never contains the key and reads well after a variable's name. */
export class HmacKeyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "HmacKeyError";
  }
}

/**
 * A key from a configuration's text: the bytes of the text itself in UTF-8, as every other party to the secret uses it;
 * hex or base64 is not decoded.
 * @throws HmacKeyError when it is shorter than 32 bytes or has white space at an end, as a pasted line break leaves it.
 */
export function parseHmacKey(text: string): Buffer {
  if (text !== text.trim()) throw new HmacKeyError("must not begin or end with white space");
  if (!text.isWellFormed()) throw new HmacKeyError("must be valid Unicode text");
  const key = Buffer.from(text, "utf8");
  if (key.length < MIN_KEY_BYTES) {
    throw new HmacKeyError(`must have at least ${MIN_KEY_BYTES} bytes, but has ${key.length}; "openssl rand -hex 32" makes a good one`);
  }
  return key;
}

/** @throws HmacKeyError */
export function requireUsableKey(key: HmacKey): void {
  const length = Buffer.isBuffer(key) ? key.length : (key.symmetricKeySize ?? 0);
  if (length < MIN_KEY_BYTES) throw new HmacKeyError(`A signing key must have at least ${MIN_KEY_BYTES} bytes, but has ${length}.`);
}
