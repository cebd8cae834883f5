import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { createDirectory, isSystemError, moveIntoFreePlace, writeTemporary } from "../durable-files/index.ts";
import { SecretStoreError } from "./port.ts";

/** AES-256 and HMAC-SHA256 both want 32. */
const KEY_BYTES = 32;
/** Longest form: 64 hex digits, a line break, some slack to see that there is more. */
const MAX_FILE_BYTES = 80;
/** Rights of others, and of the group beyond reading, which container platforms grant to mounted secrets. */
const FORBIDDEN_MODE = 0o037;

/**
 * The master key in a file; undefined when there is no file. The file holds 32 bytes, or their hex or base64 form.
 * @throws SecretStoreError `master_key_unusable`
 */
export async function readMasterKey(path: string): Promise<Buffer | undefined> {
  let content: Buffer;
  try {
    const file = await open(path, "r");
    try {
      const { mode, size } = await file.stat();
      if ((mode & FORBIDDEN_MODE) !== 0) {
        throw new SecretStoreError("master_key_unusable", `Others may read or change the master key ${path}: run "chmod 600" on it.`);
      }
      if (size > MAX_FILE_BYTES) throw unusable(path);
      content = await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    if (error instanceof SecretStoreError) throw error;
    throw new SecretStoreError("master_key_unusable", `Cannot read the master key ${path}.`, { cause: error });
  }
  return decode(content) ?? fail(unusable(path));
}

function unusable(path: string): SecretStoreError {
  return new SecretStoreError(
    "master_key_unusable",
    `The master key ${path} must hold ${KEY_BYTES} random bytes, as they are, in hex or in base64.`,
  );
}

function fail(error: Error): never {
  throw error;
}

function decode(content: Buffer): Buffer | undefined {
  if (content.length === KEY_BYTES) return content;
  const text = content.toString("latin1").trim();
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, "hex");
  if (/^[A-Za-z0-9+/]{43}=?$/.test(text)) return Buffer.from(text, "base64");
  return undefined;
}

/** Creates the file with a random key unless it exists; of several processes at once one does. */
export async function createMasterKey(path: string): Promise<void> {
  const directory = dirname(path);
  await createDirectory(directory);
  const key = randomBytes(KEY_BYTES);
  await moveIntoFreePlace(await writeTemporary(directory, key), path);
  key.fill(0);
}
