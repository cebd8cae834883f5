import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { SecretStoreError } from "./port.ts";

/**
 * Format 1 of a sealed file: `WHSS`, a format byte, the data key wrapped by a key of the master key, then the content
 * sealed by the data key; both AES-256-GCM with random nonces (NIST SP 800-38D). The file's own place in the vault is
 * authenticated with both, so that a file that is moved or swapped does not open.
 */
const HEADER = Buffer.from("WHSS\u0001", "latin1");
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const BOX_OVERHEAD = NONCE_BYTES + TAG_BYTES;
const WRAPPED_KEY_BYTES = KEY_BYTES + BOX_OVERHEAD;
const PATH_LENGTH_BYTES = 2;

/** How many bytes a sealed file has beyond path and value. */
export const SEALED_OVERHEAD_BYTES = HEADER.length + WRAPPED_KEY_BYTES + BOX_OVERHEAD + PATH_LENGTH_BYTES;

export interface VaultKeys {
  /** Wraps the data keys. */
  wrapping: Buffer;
  /** Turns well-known paths into file names that tell nothing. */
  naming: Buffer;
}

export interface SecretContent {
  path: string;
  value: string;
}

export function deriveVaultKeys(masterKey: Buffer): VaultKeys {
  const derive = (purpose: string) => Buffer.from(hkdfSync("sha256", masterKey, "", `whs-vault/1/${purpose}`, KEY_BYTES));
  return { wrapping: derive("wrapping"), naming: derive("naming") };
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
  const dataKey = decrypt(keys.wrapping, boundTo("key", place), sealed.subarray(HEADER.length, keyEnd), place);
  const content = decrypt(dataKey, boundTo("value", place), sealed.subarray(keyEnd), place);
  dataKey.fill(0);
  const pathEnd = PATH_LENGTH_BYTES + content.readUInt16BE(0);
  const opened = { path: content.toString("utf8", PATH_LENGTH_BYTES, pathEnd), value: content.toString("utf8", pathEnd) };
  content.fill(0);
  return opened;
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
  const decipher = createDecipheriv("aes-256-gcm", key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(boundData).setAuthTag(box.subarray(-TAG_BYTES));
  const plain = decipher.update(box.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
  } catch (error) {
    plain.fill(0);
    throw damaged(place, error);
  }
  return plain;
}

function damaged(place: string, cause?: unknown): SecretStoreError {
  return new SecretStoreError("damaged", `The vault's file ${place} is damaged, or was sealed for another place or key.`, { cause });
}
