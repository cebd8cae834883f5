import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { isSystemError, moveIntoPlace, removeDurably, writeTemporary } from "../durable-files/index.ts";
import { readMasterKey } from "./master-key.ts";
import { MAX_VALUE_BYTES, SecretStoreError } from "./port.ts";
import { deriveKey, deriveVaultKeys, seal, SEALED_OVERHEAD_BYTES, unseal, type VaultKeys } from "./sealed-file.ts";

/** Opens only with the right master key and is there before any other file. */
export const CHECK_FILE = "master-key-check";
const MAX_FILE_BYTES = SEALED_OVERHEAD_BYTES + 1024 + MAX_VALUE_BYTES;

/** What a rotation leaves beside the secrets, sealed by the new master key: `keyring-<name of that key>`. */
const keyringContent = z.object({
  naming: z.base64(),
  retired: z.array(z.base64()),
  /** Whether all data keys that were there are wrapped by the new key. */
  finished: z.boolean(),
});

export interface Keyring extends VaultKeys {
  finished: boolean;
}

/**
 * The keys of a vault, as the master key file has them now. A rotation in whatever process replaces that file, so it is
 * looked at before each use; that costs a few microseconds.
 */
export class VaultKeyring {
  readonly #directory: string;
  readonly #masterKeyFile: string;
  #keyring: Keyring;
  #stamp: string;

  private constructor(directory: string, masterKeyFile: string, keyring: Keyring, stamp: string) {
    this.#directory = directory;
    this.#masterKeyFile = masterKeyFile;
    this.#keyring = keyring;
    this.#stamp = stamp;
  }

  /** @throws SecretStoreError `master_key_missing` and what else a master key file may be. */
  static async open(directory: string, masterKeyFile: string): Promise<VaultKeyring> {
    const stamp = await stampOf(masterKeyFile);
    const masterKey = await readMasterKey(masterKeyFile);
    if (stamp === undefined || masterKey === undefined) throw missingMasterKey(directory, masterKeyFile);
    return new VaultKeyring(directory, masterKeyFile, await readKeyring(directory, masterKey), stamp);
  }

  /** @throws SecretStoreError `wrong_master_key` when the file was replaced by a key that does not open the vault. */
  async current(): Promise<Keyring> {
    const stamp = await stampOf(this.#masterKeyFile);
    // A process that has its keys works on when the file is taken away.
    if (stamp !== undefined && stamp !== this.#stamp) await this.#load(stamp);
    return this.#keyring;
  }

  /** Looks at the file whether or not it seems to have changed. */
  async reload(): Promise<Keyring> {
    const stamp = await stampOf(this.#masterKeyFile);
    if (stamp !== undefined) await this.#load(stamp);
    return this.#keyring;
  }

  async #load(stamp: string): Promise<void> {
    const masterKey = await readMasterKey(this.#masterKeyFile);
    if (masterKey === undefined) return;
    const keyring = await readKeyring(this.#directory, masterKey);
    // Nothing may be sealed by a key that belongs elsewhere.
    const check = await readSealed(this.#directory, CHECK_FILE);
    if (check !== undefined && !opens(keyring, check)) throw wrongMasterKey(this.#directory, this.#masterKeyFile);
    this.#keyring = keyring;
    this.#stamp = stamp;
  }
}

function opens(keyring: Keyring, check: Buffer): boolean {
  try {
    unseal(keyring, CHECK_FILE, check);
    return true;
  } catch (error) {
    if (error instanceof SecretStoreError && error.code === "damaged") return false;
    throw error;
  }
}

/** The keyring that belongs to a master key; one that never took part in a rotation has none but itself. */
async function readKeyring(directory: string, masterKey: Buffer): Promise<Keyring> {
  const own = deriveVaultKeys(masterKey);
  const place = placeOfKeyring(masterKey);
  const sealed = await readSealed(directory, place);
  if (sealed === undefined) return { ...own, finished: true };
  const content = keyringContent.parse(JSON.parse(unseal(own, place, sealed).value));
  return {
    wrapping: own.wrapping,
    retired: content.retired.map((key) => Buffer.from(key, "base64")),
    naming: Buffer.from(content.naming, "base64"),
    finished: content.finished,
  };
}

/** Writes the keyring that belongs to a master key, over what is there. */
export async function writeKeyring(directory: string, masterKey: Buffer, keyring: Omit<Keyring, "wrapping">): Promise<void> {
  const content: z.infer<typeof keyringContent> = {
    naming: keyring.naming.toString("base64"),
    retired: keyring.retired.map((key) => key.toString("base64")),
    finished: keyring.finished,
  };
  const place = placeOfKeyring(masterKey);
  const sealed = seal(deriveVaultKeys(masterKey), place, { path: "", value: JSON.stringify(content) });
  await moveIntoPlace(await writeTemporary(join(directory, "tmp"), sealed), join(directory, place));
}

/** Removes the keyrings of all master keys but one. */
export async function removeOtherKeyrings(directory: string, masterKey: Buffer): Promise<void> {
  const own = placeOfKeyring(masterKey);
  for (const name of await readdir(directory)) if (name.startsWith("keyring-") && name !== own) await removeDurably(join(directory, name));
}

function placeOfKeyring(masterKey: Buffer): string {
  return `keyring-${deriveKey(masterKey, "keyring-name").toString("hex", 0, 16)}`;
}

/** @throws SecretStoreError `damaged` for a file that is larger than any that was written. */
export async function readSealed(directory: string, place: string): Promise<Buffer | undefined> {
  try {
    const file = await open(join(directory, place), "r");
    try {
      const { size } = await file.stat();
      if (size > MAX_FILE_BYTES) throw new SecretStoreError("damaged", `The vault's file ${place} is larger than any that was written.`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { ino, mtimeNs, size } = await stat(path, { bigint: true });
    return `${ino}:${mtimeNs}:${size}`;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}

export function missingMasterKey(directory: string, masterKeyFile: string): SecretStoreError {
  return new SecretStoreError(
    "master_key_missing",
    `The vault ${directory} needs its master key ${masterKeyFile}, which is gone: restore it from a backup.`,
  );
}

export function wrongMasterKey(directory: string, masterKeyFile: string): SecretStoreError {
  return new SecretStoreError(
    "wrong_master_key",
    `The master key ${masterKeyFile} does not open the vault ${directory}: it belongs to another vault.`,
  );
}
