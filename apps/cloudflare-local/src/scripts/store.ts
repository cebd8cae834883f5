/** Scripts on disk: one file each, their secrets in a vault beside them. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createDirectory, moveIntoPlace, removeDurably, writeTemporary } from "@whs/platform/durable-files";
import type { SecretStore } from "@whs/platform/secrets";
import { nameKey, type ScriptName } from "../edge/protocol.ts";
import type { Script } from "./script.ts";

type Secrets = Readonly<Record<string, string>>;

export class ScriptStore {
  private readonly scriptsDir: string;
  private readonly namespacesDir: string;
  private readonly objectsDir: string;
  private readonly vault: SecretStore;
  private readonly scripts = new Map<string, Script>();
  private readonly secrets = new Map<string, Secrets>();
  private readonly namespaces = new Map<string, string>();
  /** A version that is being tried out and is nobody's current one yet. */
  private readonly trials = new Map<string, { script: Script; secrets: Secrets }>();

  private constructor(folder: string, vault: SecretStore) {
    this.scriptsDir = join(folder, "scripts");
    this.namespacesDir = join(folder, "namespaces");
    this.objectsDir = join(folder, "objects");
    this.vault = vault;
  }

  static async open(folder: string, vault: SecretStore): Promise<ScriptStore> {
    const store = new ScriptStore(folder, vault);
    for (const path of [store.scriptsDir, store.namespacesDir, store.objectsDir]) await createDirectory(path);
    for (const name of await jsonFiles(store.namespacesDir)) {
      const { namespace, createdOn } = JSON.parse(await readFile(name, "utf8")) as { namespace: string; createdOn: string };
      store.namespaces.set(namespace, createdOn);
    }
    for (const name of await jsonFiles(store.scriptsDir)) {
      const script = JSON.parse(await readFile(name, "utf8")) as Script;
      store.scripts.set(nameKey(script.name), script);
      store.secrets.set(nameKey(script.name), JSON.parse((await vault.getByPath(vaultPath(script.name))) ?? "{}") as Secrets);
    }
    return store;
  }

  /** When it was made; undefined when there is none. */
  namespaceCreatedOn(namespace: string): string | undefined {
    return this.namespaces.get(namespace);
  }

  async addNamespace(namespace: string, createdOn: string): Promise<void> {
    await writeJson(this.namespacesDir, namespace, { namespace, createdOn });
    this.namespaces.set(namespace, createdOn);
  }

  find(name: ScriptName): Script | undefined {
    return this.scripts.get(nameKey(name));
  }

  list(namespace: string | null): Script[] {
    return [...this.scripts.values()].filter(({ name }) => name.namespace === namespace);
  }

  secretsOf(name: ScriptName): Secrets {
    return this.secrets.get(nameKey(name)) ?? {};
  }

  ofVersion(version: string): { script: Script; secrets: Secrets } | undefined {
    const trial = this.trials.get(version);
    if (trial !== undefined) return trial;
    for (const script of this.scripts.values()) if (script.version === version) return { script, secrets: this.secretsOf(script.name) };
    return undefined;
  }

  /** Makes a version loadable while `use` runs, without making it the current one. */
  async tryOut<T>(script: Script, secrets: Secrets, use: () => Promise<T>): Promise<T> {
    this.trials.set(script.version, { script, secrets });
    try {
      return await use();
    } finally {
      this.trials.delete(script.version);
    }
  }

  async save(script: Script, secrets: Secrets): Promise<void> {
    await this.vault.putByPath(vaultPath(script.name), JSON.stringify(secrets));
    await writeJson(this.scriptsDir, nameKey(script.name), script);
    this.secrets.set(nameKey(script.name), secrets);
    this.scripts.set(nameKey(script.name), script);
  }

  async remove(name: ScriptName): Promise<void> {
    await removeDurably(join(this.scriptsDir, fileName(nameKey(name))));
    await this.vault.deleteByPath(vaultPath(name));
    this.scripts.delete(nameKey(name));
    this.secrets.delete(nameKey(name));
  }

  /** An object of the script may hold something from now on. */
  async noteObject(name: ScriptName, objectId: string): Promise<void> {
    await writeJson(this.objectsDir, `${nameKey(name)}/${objectId}`, { script: nameKey(name), objectId });
  }

  async objectsOf(name: ScriptName): Promise<string[]> {
    const objects: string[] = [];
    for (const file of await jsonFiles(this.objectsDir)) {
      const { script, objectId } = JSON.parse(await readFile(file, "utf8")) as { script: string; objectId: string };
      if (script === nameKey(name)) objects.push(objectId);
    }
    return objects;
  }

  async forgetObject(name: ScriptName, objectId: string): Promise<void> {
    await removeDurably(join(this.objectsDir, fileName(`${nameKey(name)}/${objectId}`)));
  }
}

function vaultPath(name: ScriptName): string {
  return `cloudflare-local/${hashed(nameKey(name))}`;
}

function fileName(key: string): string {
  return `${hashed(key)}.json`;
}

function hashed(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 32);
}

async function writeJson(directory: string, key: string, value: unknown): Promise<void> {
  const temporary = await writeTemporary(directory, Buffer.from(JSON.stringify(value)));
  await moveIntoPlace(temporary, join(directory, fileName(key)));
}

async function jsonFiles(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith(".json")).map((name) => join(directory, name));
}
