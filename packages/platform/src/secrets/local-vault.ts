import { randomBytes } from "node:crypto";
import { access, constants, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  createDirectory,
  isSystemError,
  moveIntoFreePlace,
  moveIntoPlace,
  removeDurably,
  sweepFiles,
  writeTemporary,
} from "../durable-files/index.ts";
import { ensureValue } from "./ensure-value.ts";
import { createMasterKey, readMasterKey } from "./master-key.ts";
import { requirePath, requireValue, SecretStoreError, type SecretStore } from "./port.ts";
import { rewrapFile } from "./rotate-master-key.ts";
import { nameOfPath, seal, type SecretContent, unseal } from "./sealed-file.ts";
import { orUnavailable } from "./vault-errors.ts";
import { CHECK_FILE, missingMasterKey, readSealed, VaultKeyring, wrongMasterKey } from "./vault-keyring.ts";

const REF = /^local:([0-9a-f]{32})$/;
/** A temporary file lives for the moments of one write; an hour later its process is certainly gone. */
const LEFTOVER_AGE_MS = 60 * 60 * 1000;
/** How often a file that does not open is read again: a rotation may be writing its key anew at that moment. */
const READ_ATTEMPTS = 3;

/**
 * The vault in `directory`: one sealed file per secret, so that processes share it without locks. File names tell
 * neither paths nor values. Made by the first process that opens it, together with the master key.
 * @throws SecretStoreError `master_key_missing`, `master_key_unusable`, `wrong_master_key`, `denied` or `unavailable`
 */
export async function openLocalVault(directory: string, masterKeyFile: string): Promise<SecretStore> {
  return orUnavailable("open the vault", async () => {
    await requireMasterKey(directory, masterKeyFile);
    for (const part of ["refs", "paths", "tmp"]) await createDirectory(join(directory, part));
    const vault = new LocalVault(directory, await VaultKeyring.open(directory, masterKeyFile));
    await vault.checkMasterKey(masterKeyFile);
    await sweepFiles(join(directory, "tmp"), Date.now() - LEFTOVER_AGE_MS);
    return vault;
  });
}

async function requireMasterKey(directory: string, masterKeyFile: string): Promise<void> {
  if ((await readMasterKey(masterKeyFile)) !== undefined) return;
  if (!(await isVault(directory))) await createMasterKey(masterKeyFile);
  // Read again also when there is a vault: another process may have made both just now.
  if ((await readMasterKey(masterKeyFile)) === undefined) throw missingMasterKey(directory, masterKeyFile);
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
  readonly #keyring: VaultKeyring;

  constructor(directory: string, keyring: VaultKeyring) {
    this.#directory = directory;
    this.#keyring = keyring;
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
    return orUnavailable("delete a secret", () => this.#remove(place));
  }

  async getByPath(path: string): Promise<string | undefined> {
    requirePath(path);
    return orUnavailable("read a secret", async () => (await this.#read(await this.#placeOfPath(path)))?.value);
  }

  async putByPath(path: string, value: string): Promise<void> {
    requirePath(path);
    requireValue(value);
    return orUnavailable("store a secret", async () => this.#write(await this.#placeOfPath(path), path, value, moveIntoPlace));
  }

  async deleteByPath(path: string): Promise<void> {
    requirePath(path);
    return orUnavailable("delete a secret", async () => this.#remove(await this.#placeOfPath(path)));
  }

  async ensure(path: string, generate: () => string): Promise<string> {
    requirePath(path);
    const read = (): Promise<string | undefined> => this.getByPath(path);
    const writeIfFree = (value: string): Promise<boolean> =>
      orUnavailable("store a secret", async () => this.#write(await this.#placeOfPath(path), path, value, moveIntoFreePlace));
    return ensureValue({ read, writeIfFree, generate, pauseMs: 0 });
  }

  async sweep(knownRefs: ReadonlySet<string>, olderThan: Date): Promise<number> {
    return orUnavailable("sweep the vault", async () => {
      let swept = 0;
      for (const id of await readdir(join(this.#directory, "refs"))) {
        if (knownRefs.has(`local:${id}`) || !(await this.#isOlder(`refs/${id}`, olderThan))) continue;
        await this.#remove(`refs/${id}`);
        swept += 1;
      }
      return swept;
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
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
      throw wrongMasterKey(this.#directory, masterKeyFile);
    }
  }

  async #remove(place: string): Promise<void> {
    await this.#requireFolder(place);
    await removeDurably(join(this.#directory, place));
  }

  /** A secret that is gone is one thing, a vault that is gone another. */
  async #requireFolder(place: string): Promise<void> {
    await access(join(this.#directory, dirname(place)), constants.X_OK);
  }

  async #isOlder(place: string, olderThan: Date): Promise<boolean> {
    try {
      return (await stat(join(this.#directory, place))).mtime < olderThan;
    } catch (error) {
      // Deleted meanwhile.
      if (isSystemError(error, "ENOENT")) return false;
      throw error;
    }
  }

  async #placeOfPath(path: string): Promise<string> {
    return `paths/${nameOfPath(await this.#keyring.current(), path)}`;
  }

  async #write<T>(place: string, path: string, value: string, move: (temporary: string, target: string) => Promise<T>): Promise<T> {
    const keys = await this.#keyring.current();
    const sealed = seal(keys, place, { path, value });
    const moved = await move(await writeTemporary(join(this.#directory, "tmp"), sealed), join(this.#directory, place));
    // A rotation that began since may have gone past this place already.
    const now = await this.#keyring.current();
    if (now !== keys) await rewrapFile(this.#directory, place, now);
    return moved;
  }

  async #read(place: string): Promise<SecretContent | undefined> {
    let keys = await this.#keyring.current();
    for (let attempt = 1; ; attempt++) {
      const sealed = await readSealed(this.#directory, place);
      if (sealed === undefined) {
        await this.#requireFolder(place);
        return undefined;
      }
      try {
        return unseal(keys, place, sealed);
      } catch (error) {
        if (attempt === READ_ATTEMPTS) throw error;
        keys = await this.#keyring.reload();
      }
    }
  }
}

function placeOfRef(ref: string): string {
  const id = REF.exec(ref)?.[1];
  if (id === undefined)
    throw new SecretStoreError("invalid_ref", "This is not a reference of the local vault; was it made by another secret store?");
  return `refs/${id}`;
}
