import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { SecretStoreError } from "./port.ts";

/**
 * Format 1 of a sealed file: `WHSS`, a format byte, the data key wrapped by a key of the master key, then the content
 * sealed by the data key; both AES-256-GCM with random nonces (NIST SP 800-38D). The file's own place in the vault is
 * authenticated with both, so that a file that is moved or swapped does not open.
 */
const HEADER = Buffer.from("WHSS\u0001", "latin1");
/** Where the wrapped data key is: within the first 512 bytes, so that no disk leaves it half written. */
export const WRAPPED_KEY_OFFSET = HEADER.length;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const BOX_OVERHEAD = NONCE_BYTES + TAG_BYTES;
export const WRAPPED_KEY_BYTES = KEY_BYTES + BOX_OVERHEAD;
const PATH_LENGTH_BYTES = 2;

/** How many bytes a sealed file has beyond path and value. */
export const SEALED_OVERHEAD_BYTES = HEADER.length + WRAPPED_KEY_BYTES + BOX_OVERHEAD + PATH_LENGTH_BYTES;

export interface VaultKeys {
  /** Wraps the data keys. */
  wrapping: Buffer;
  /** Wrapped data keys before the master key was rotated; the latest first. */
  retired: readonly Buffer[];
  /** Turns well-known paths into file names that tell nothing. Stays the same when the master key is rotated. */
  naming: Buffer;
}

export interface SecretContent {
  path: string;
  value: string;
}

/** Of a master key that was never rotated. */
export function deriveVaultKeys(masterKey: Buffer): VaultKeys {
  return { wrapping: deriveKey(masterKey, "wrapping"), retired: [], naming: deriveKey(masterKey, "naming") };
}

export function deriveKey(masterKey: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", masterKey, "", `whs-vault/1/${purpose}`, KEY_BYTES));
}

export function nameOfPath(keys: VaultKeys, path: string): string {
  return createHmac("sha256", keys.naming).update(path).digest("hex");
}

/** @param place the file's name relative to the vault. */
export function seal(keys: VaultKeys, place: string, { path, value }: SecretContent): Buffer {
  const pathBytes = Buffer.from(path, "utf8");
  const pathLength = Buffer.alloc(PATH_LENGTH_BYTES);
  pathLength.writeUInt16BE(pathBytes.length);
  const content = Buffer.concat([pathLength, pathBytes, Buffer.from(value, "utf8")]);
  const dataKey = randomBytes(KEY_BYTES);
  const sealed = Buffer.concat([
    HEADER,
    encrypt(keys.wrapping, boundTo("key", place), dataKey),
    encrypt(dataKey, boundTo("value", place), content),
  ]);
  content.fill(0);
  dataKey.fill(0);
  return sealed;
}

/** @throws SecretStoreError `damaged`; anything but the very bytes of `seal`, with these keys and for this place, does not open. */
export function unseal(keys: VaultKeys, place: string, sealed: Buffer): SecretContent {
  if (sealed.length < SEALED_OVERHEAD_BYTES || !sealed.subarray(0, HEADER.length).equals(HEADER)) throw damaged(place);
  const keyEnd = HEADER.length + WRAPPED_KEY_BYTES;
  const { dataKey } = unwrap(keys, place, sealed.subarray(HEADER.length, keyEnd));
  const content = decrypt(dataKey, boundTo("value", place), sealed.subarray(keyEnd), place);
  dataKey.fill(0);
  const pathEnd = PATH_LENGTH_BYTES + content.readUInt16BE(0);
  const opened = { path: content.toString("utf8", PATH_LENGTH_BYTES, pathEnd), value: content.toString("utf8", pathEnd) };
  content.fill(0);
  return opened;
}

/**
 * The same data key, wrapped by the current key.
 * @returns undefined when it is wrapped by it already.
 * @throws SecretStoreError `damaged` when none of the keys opens it.
 */
export function rewrap(keys: VaultKeys, place: string, header: Buffer): Buffer | undefined {
  if (header.length < HEADER.length + WRAPPED_KEY_BYTES || !header.subarray(0, HEADER.length).equals(HEADER)) throw damaged(place);
  const { dataKey, retired } = unwrap(keys, place, header.subarray(HEADER.length, HEADER.length + WRAPPED_KEY_BYTES));
  const rewrapped = retired ? encrypt(keys.wrapping, boundTo("key", place), dataKey) : undefined;
  dataKey.fill(0);
  return rewrapped;
}

function unwrap({ wrapping, retired }: VaultKeys, place: string, wrapped: Buffer): { dataKey: Buffer; retired: boolean } {
  for (const key of [wrapping, ...retired]) {
    const dataKey = tryDecrypt(key, boundTo("key", place), wrapped);
    if (dataKey !== undefined) return { dataKey, retired: key !== wrapping };
  }
  throw damaged(place);
}

function boundTo(part: "key" | "value", place: string): Buffer {
  return Buffer.concat([HEADER, Buffer.from(`${part}:${place}`, "utf8")]);
}

function encrypt(key: Buffer, boundData: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES }).setAAD(boundData);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, boundData: Buffer, box: Buffer, place: string): Buffer {
  const plain = tryDecrypt(key, boundData, box);
  if (plain === undefined) throw damaged(place);
  return plain;
}

/** Undefined when the box was not sealed by this key for this place, or was changed since. */
function tryDecrypt(key: Buffer, boundData: Buffer, box: Buffer): Buffer | undefined {
  const decipher = createDecipheriv("aes-256-gcm", key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(boundData).setAuthTag(box.subarray(-TAG_BYTES));
  const plain = decipher.update(box.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
    return plain;
  } catch {
    // All that `final` has to say is that the tag is another.
    plain.fill(0);
    return undefined;
  }
}

function damaged(place: string): SecretStoreError {
  return new SecretStoreError("damaged", `The vault's file ${place} is damaged, or was sealed for another place or key.`);
}
