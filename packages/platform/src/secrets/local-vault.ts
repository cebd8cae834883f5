import { randomBytes } from "node:crypto";
import { access, constants, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  createDirectory,
  isSystemError,
  moveIntoFreePlace,
  moveIntoPlace,
  removeDurably,
  sweepFiles,
  writeTemporary,
} from "../durable-files/index.ts";
import { createMasterKey, readMasterKey } from "./master-key.ts";
import { MAX_VALUE_BYTES, requirePath, requireValue, SecretStoreError, type SecretStore } from "./port.ts";
import { deriveVaultKeys, nameOfPath, seal, SEALED_OVERHEAD_BYTES, unseal, type VaultKeys } from "./sealed-file.ts";

const REF = /^local:([0-9a-f]{32})$/;
/** Opens only with the right master key and is there before any other file. */
const CHECK_FILE = "master-key-check";
/** A temporary file lives for the moments of one write; an hour later its process is certainly gone. */
const LEFTOVER_AGE_MS = 60 * 60 * 1000;
const MAX_FILE_BYTES = SEALED_OVERHEAD_BYTES + 1024 + MAX_VALUE_BYTES;
/** How often `ensure` tries again when what it just saw is deleted under it. */
const ENSURE_ATTEMPTS = 10;

/**
 * The vault in `directory`: one sealed file per secret, so that processes share it without locks. File names tell
 * neither paths nor values. Made by the first process that opens it, together with the master key.
 * @throws SecretStoreError `master_key_missing`, `master_key_unusable`, `wrong_master_key` or `unavailable`
 */
export async function openLocalVault(directory: string, masterKeyFile: string): Promise<SecretStore> {
  return orUnavailable("open the vault", async () => {
    const masterKey = await openMasterKey(directory, masterKeyFile);
    for (const part of ["refs", "paths", "tmp"]) await createDirectory(join(directory, part));
    const vault = new LocalVault(directory, deriveVaultKeys(masterKey));
    await vault.checkMasterKey(masterKeyFile);
    await sweepFiles(join(directory, "tmp"), Date.now() - LEFTOVER_AGE_MS);
    return vault;
  });
}

async function openMasterKey(directory: string, masterKeyFile: string): Promise<Buffer> {
  const existing = await readMasterKey(masterKeyFile);
  if (existing !== undefined) return existing;
  if (!(await isVault(directory))) await createMasterKey(masterKeyFile);
  // Read again also when there is a vault: another process may have made both just now.
  const created = await readMasterKey(masterKeyFile);
  if (created !== undefined) return created;
  throw new SecretStoreError(
    "master_key_missing",
    `The vault ${directory} needs its master key ${masterKeyFile}, which is gone: restore it from a backup.`,
  );
}

async function isVault(directory: string): Promise<boolean> {
  if ((await listDirectory(directory)).includes(CHECK_FILE)) return true;
  const secrets = [await listDirectory(join(directory, "refs")), await listDirectory(join(directory, "paths"))];
  return secrets.flat().length > 0;
}

async function listDirectory(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw error;
  }
}

class LocalVault implements SecretStore {
  readonly #directory: string;
  readonly #keys: VaultKeys;

  constructor(directory: string, keys: VaultKeys) {
    this.#directory = directory;
    this.#keys = keys;
  }

  async put(path: string, value: string): Promise<string> {
    requirePath(path);
    requireValue(value);
    return orUnavailable("store a secret", async () => {
      const id = randomBytes(16).toString("hex");
      await this.#write(`refs/${id}`, path, value, moveIntoPlace);
      return `local:${id}`;
    });
  }

  async get(ref: string): Promise<string | undefined> {
    const place = placeOfRef(ref);
    return orUnavailable("read a secret", async () => (await this.#read(place))?.value);
  }

  async delete(ref: string): Promise<void> {
    const place = placeOfRef(ref);
    return orUnavailable("delete a secret", () => removeDurably(join(this.#directory, place)));
  }

  async getByPath(path: string): Promise<string | undefined> {
    const place = this.#placeOfPath(path);
    return orUnavailable("read a secret", async () => (await this.#read(place))?.value);
  }

  async putByPath(path: string, value: string): Promise<void> {
    const place = this.#placeOfPath(path);
    requireValue(value);
    return orUnavailable("store a secret", () => this.#write(place, path, value, moveIntoPlace));
  }

  async deleteByPath(path: string): Promise<void> {
    const place = this.#placeOfPath(path);
    return orUnavailable("delete a secret", () => removeDurably(join(this.#directory, place)));
  }

  async ensure(path: string, generate: () => string): Promise<string> {
    const place = this.#placeOfPath(path);
    for (let attempt = 0; attempt < ENSURE_ATTEMPTS; attempt++) {
      const existing = await this.getByPath(path);
      if (existing !== undefined) return existing;
      const value = generate();
      requireValue(value);
      if (await orUnavailable("store a secret", () => this.#write(place, path, value, moveIntoFreePlace))) return value;
    }
    throw new SecretStoreError("unavailable", "Cannot store a secret: it is deleted again and again by someone else.");
  }

  async healthcheck(): Promise<void> {
    return orUnavailable("use the vault", async () => {
      if ((await this.#read(CHECK_FILE)) === undefined) throw new SecretStoreError("damaged", `The vault's file ${CHECK_FILE} is gone.`);
      for (const part of ["refs", "paths", "tmp"]) await access(join(this.#directory, part), constants.W_OK);
    });
  }

  /** Tells a wrong master key at once rather than at the first secret. */
  async checkMasterKey(masterKeyFile: string): Promise<void> {
    try {
      if ((await this.#read(CHECK_FILE)) !== undefined) return;
      if (await isVault(this.#directory)) {
        // The check file comes first, so where secrets are and it is not, even on a second look, someone removed it.
        if ((await this.#read(CHECK_FILE)) !== undefined) return;
        throw new SecretStoreError(
          "wrong_master_key",
          `The vault ${this.#directory} lost its file ${CHECK_FILE}: restore it from a backup.`,
        );
      }
      await this.#write(CHECK_FILE, "", "", moveIntoFreePlace);
      await this.#read(CHECK_FILE);
    } catch (error) {
      if (!(error instanceof SecretStoreError && error.code === "damaged")) throw error;
      const message = `The master key ${masterKeyFile} does not open the vault ${this.#directory}: it belongs to another vault.`;
      throw new SecretStoreError("wrong_master_key", message, { cause: error });
    }
  }

  #placeOfPath(path: string): string {
    requirePath(path);
    return `paths/${nameOfPath(this.#keys, path)}`;
  }

  async #write<T>(place: string, path: string, value: string, move: (temporary: string, target: string) => Promise<T>): Promise<T> {
    const sealed = seal(this.#keys, place, { path, value });
    return move(await writeTemporary(join(this.#directory, "tmp"), sealed), join(this.#directory, place));
  }

  async #read(place: string): Promise<{ path: string; value: string } | undefined> {
    try {
      const file = await open(join(this.#directory, place), "r");
      try {
        const { size } = await file.stat();
        if (size > MAX_FILE_BYTES) throw new SecretStoreError("damaged", `The vault's file ${place} is larger than any that was written.`);
        return unseal(this.#keys, place, await file.readFile());
      } finally {
        await file.close();
      }
    } catch (error) {
      if (isSystemError(error, "ENOENT")) return undefined;
      throw error;
    }
  }
}

function placeOfRef(ref: string): string {
  const id = REF.exec(ref)?.[1];
  if (id === undefined)
    throw new SecretStoreError("invalid_ref", "This is not a reference of the local vault; was it made by another secret store?");
  return `refs/${id}`;
}

/** Gives whatever the file system throws a type; its messages hold paths and codes only. */
async function orUnavailable<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof SecretStoreError) throw error;
    throw new SecretStoreError("unavailable", `Cannot ${what}: ${error instanceof Error ? error.message : "unknown failure"}.`, {
      cause: error,
    });
  }
}
