/** Customers' secrets, the values of environment variables, are on the disk only sealed: AES-256-GCM with a key beside the state. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { isSystemError, moveIntoFreePlace, writeTemporary } from "@whs/platform/durable-files";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export class Seal {
  private readonly key: Buffer;

  private constructor(key: Buffer) {
    this.key = key;
  }

  /** Makes the key at the first start. */
  static async open(file: string): Promise<Seal> {
    const existing = await readKey(file);
    if (existing !== null) return new Seal(existing);
    await moveIntoFreePlace(await writeTemporary(dirname(file), randomBytes(KEY_BYTES)), file);
    const made = await readKey(file);
    if (made === null) throw new Error(`Cannot start: the key ${file} was removed.`);
    return new Seal(made);
  }

  seal(text: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.key, nonce);
    const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64");
  }

  /** @throws Error when it was not sealed with this key. */
  open(sealed: string): string {
    const bytes = Buffer.from(sealed, "base64");
    const decipher = createDecipheriv("aes-256-gcm", this.key, bytes.subarray(0, NONCE_BYTES));
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString("utf8");
  }

  /** A fingerprint that tells nothing about a text to whoever has no key. */
  fingerprint(text: string | Uint8Array): string {
    return createHmac("sha256", this.key).update(text).digest("hex");
  }
}

async function readKey(file: string): Promise<Buffer | null> {
  try {
    const key = await readFile(file);
    if (key.length !== KEY_BYTES) throw new Error(`Cannot start: ${file} is not a key of ${KEY_BYTES} bytes.`);
    return key;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw error;
  }
}
