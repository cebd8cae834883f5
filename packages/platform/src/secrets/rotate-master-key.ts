import { open, readdir, realpath, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isSystemError, syncDirectory } from "../durable-files/index.ts";
import { createMasterKey, readMasterKey } from "./master-key.ts";
import { SecretStoreError } from "./port.ts";
import { rewrap, type VaultKeys, WRAPPED_KEY_BYTES, WRAPPED_KEY_OFFSET } from "./sealed-file.ts";
import { orUnavailable } from "./vault-errors.ts";
import { CHECK_FILE, missingMasterKey, removeOtherKeyrings, VaultKeyring, writeKeyring } from "./vault-keyring.ts";

const HEAD_BYTES = WRAPPED_KEY_OFFSET + WRAPPED_KEY_BYTES;
/** The second pass finds what a slow writer still sealed with the old key; more than a few would be no slow writer. */
const MAX_PASSES = 5;

export interface MasterKeyRotation {
  /** How many secrets are now wrapped by the new key and were not before. */
  rewrapped: number;
  /** Files of the vault that no key opens, before and after; restore them from a backup. */
  damaged: string[];
}

/**
 * Replaces the master key of the local vault by a new random one, in the same file, and wraps every data key anew. The
 * old key then opens nothing. Servers that use the vault notice and go on, without a restart.
 *
 * Cut short anywhere, nothing is lost and every secret can be read; the next call finishes what is left, rather than
 * making yet another key. Keep the old key until a backup of the vault is made with the new one.
 *
 * Call it as the user that owns the file; the file's directory must be writable.
 * @param location `WHS_DATA_DIR` and `WHS_MASTER_KEY_FILE`.
 * @throws SecretStoreError `master_key_missing`, `wrong_master_key`, `denied`, or `unavailable` while another call is under way.
 */
export async function rotateMasterKey(location: { dataDir: string; masterKeyFile: string }): Promise<MasterKeyRotation> {
  const directory = join(location.dataDir, "vault");
  return orUnavailable("rotate the master key", async () => {
    const masterKeyFile = await ownedFile(directory, location.masterKeyFile);
    const lock = await lockRotation(directory);
    try {
      const keyring = await VaultKeyring.open(directory, masterKeyFile);
      // Also tells whether the key belongs to this vault.
      if ((await keyring.reload()).finished) await replaceMasterKey(directory, masterKeyFile, await keyring.current());
      const keys = await keyring.reload();
      const result = await rewrapAll(directory, keys);
      const masterKey = await requireMasterKey(directory, masterKeyFile);
      await writeKeyring(directory, masterKey, { naming: keys.naming, retired: keys.retired.slice(0, 1), finished: true });
      await removeOtherKeyrings(directory, masterKey);
      return result;
    } finally {
      lock.release();
    }
  });
}

/** Follows links, as a link's target is to be replaced, and keeps another user from locking the servers out. */
async function ownedFile(directory: string, masterKeyFile: string): Promise<string> {
  try {
    const path = await realpath(masterKeyFile);
    const { uid } = await stat(path);
    if (process.geteuid !== undefined && uid !== process.geteuid())
      throw new SecretStoreError("denied", `Only the owner of the master key ${masterKeyFile}, user ${uid}, can rotate it.`);
    return path;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) throw missingMasterKey(directory, masterKeyFile);
    throw error;
  }
}

/**
 * One rotation at a time. SQLite's lock on a file is the one lock of the operating system that Node offers: it ends with
 * the process, however that ends.
 */
async function lockRotation(directory: string): Promise<{ release(): void }> {
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(join(directory, "rotation.lock"));
  try {
    database.exec("begin exclusive");
  } catch (error) {
    database.close();
    throw new SecretStoreError("unavailable", "Cannot rotate the master key: another rotation of it is under way.", { cause: error });
  }
  return { release: () => database.close() };
}

/**
 * The new keyring knows the old keys and is there before the new key is, so at no moment is there a master key that does
 * not open the vault. A new key that an earlier call left beside the old one is taken.
 */
async function replaceMasterKey(directory: string, masterKeyFile: string, old: VaultKeys): Promise<void> {
  const next = `${masterKeyFile}.next`;
  await createMasterKey(next);
  const masterKey = await requireMasterKey(directory, next);
  await writeKeyring(directory, masterKey, { naming: old.naming, retired: [old.wrapping, ...old.retired], finished: false });
  await rename(next, masterKeyFile);
  await syncDirectory(dirname(masterKeyFile));
}

async function requireMasterKey(directory: string, path: string): Promise<Buffer> {
  const masterKey = await readMasterKey(path);
  if (masterKey === undefined) throw missingMasterKey(directory, path);
  return masterKey;
}

async function rewrapAll(directory: string, keys: VaultKeys): Promise<MasterKeyRotation> {
  const result: MasterKeyRotation = { rewrapped: 0, damaged: [] };
  for (let pass = 1; pass <= MAX_PASSES; pass++) {
    const before = result.rewrapped;
    result.damaged = [];
    for (const place of await placesOf(directory)) {
      const outcome = await rewrapFile(directory, place, keys);
      if (outcome === "rewrapped") result.rewrapped += 1;
      if (outcome === "damaged") result.damaged.push(place);
    }
    if (result.rewrapped === before) return result;
  }
  return result;
}

async function placesOf(directory: string): Promise<string[]> {
  const places = [CHECK_FILE];
  for (const part of ["refs", "paths"]) places.push(...(await readdir(join(directory, part))).map((name) => `${part}/${name}`));
  return places;
}

/**
 * Writes the new wrapped key over the old one, in the file that is open. A file that is replaced or deleted meanwhile
 * keeps its place to itself: what was put there is not overwritten, and what was deleted does not come back.
 */
export async function rewrapFile(directory: string, place: string, keys: VaultKeys): Promise<"rewrapped" | "current" | "damaged" | "gone"> {
  try {
    const file = await open(join(directory, place), "r+");
    try {
      const { atime, mtime } = await file.stat();
      const head = Buffer.alloc(HEAD_BYTES);
      const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
      const wrapped = rewrap(keys, place, head.subarray(0, bytesRead));
      if (wrapped === undefined) return "current";
      await file.write(wrapped, 0, wrapped.length, WRAPPED_KEY_OFFSET);
      // When a secret was stored still tells whether it is an orphan.
      await file.utimes(atime, mtime);
      await file.sync();
      return "rewrapped";
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return "gone";
    if (error instanceof SecretStoreError && error.code === "damaged") return "damaged";
    throw error;
  }
}
