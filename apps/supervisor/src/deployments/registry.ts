import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createDirectory, isSystemError, moveIntoPlace, syncDirectory, writeTemporary } from "@whs/platform/durable-files";
import { secretRefsSchema } from "@whs/runtimes/supervisor-protocol";
import { z } from "zod";

const recordSchema = z.object({
  deploymentId: z.string(),
  userId: z.string(),
  agentId: z.string(),
  version: z.int(),
  sessionful: z.boolean(),
  /** Of the uploaded archive: the same deployment with other code is refused. */
  checksum: z.string(),
  compatibilityDate: z.string(),
  compatibilityFlags: z.array(z.string()),
  mainModule: z.string(),
  /** References only; values are read when a cell loads the code. */
  secrets: secretRefsSchema,
  telemetry: z.object({ rootKeyId: z.string(), keyVersion: z.int() }),
  /** Whether the code has been loaded once; a deploy that was cut off before is not taken for done. */
  loaded: z.boolean(),
});
export type DeploymentRecord = z.output<typeof recordSchema>;

/** Modules as the worker loader takes them, with binary ones in base64. */
export type StoredModules = Record<string, { js: string } | { text: string } | { json: unknown } | { data: string } | { wasm: string }>;

/**
 * The deployments of this node: records in memory and on the disk, code on the disk only. Each deployment is a directory
 * that appears with its record, so that one whose writing was cut off is no deployment.
 */
export class DeploymentRegistry {
  private readonly folder: string;
  private readonly records = new Map<string, DeploymentRecord>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** `sweep`: whether what has no record was left by nobody who is still writing it. */
  static async open(storageDir: string, { sweep }: { sweep: boolean }): Promise<DeploymentRegistry> {
    const registry = new DeploymentRegistry(join(storageDir, "deployments"));
    await createDirectory(registry.folder);
    for (const name of await readdir(registry.folder)) await registry.read(name, { sweep });
    return registry;
  }

  /** Reads what another node may have changed of a tenant's deployments. */
  async reload(userId: string): Promise<void> {
    const names = new Set(await readdir(this.folder));
    for (const { deploymentId } of this.ofTenant(userId)) if (!names.has(deploymentId)) this.records.delete(deploymentId);
    for (const name of names) if ((this.records.get(name)?.userId ?? userId) === userId) await this.read(name, { sweep: false });
  }

  /** Of this node, and of all that share its storage. */
  async allTenants(): Promise<string[]> {
    for (const name of await readdir(this.folder)) if (!this.records.has(name)) await this.read(name, { sweep: false });
    return [...new Set([...this.records.values()].map(({ userId }) => userId))].toSorted();
  }

  folderOf(deploymentId: string): string {
    return join(this.folder, deploymentId);
  }

  get(deploymentId: string): DeploymentRecord | undefined {
    return this.records.get(deploymentId);
  }

  ofAgent(userId: string, agentId: string): DeploymentRecord[] {
    return [...this.records.values()].filter((record) => record.userId === userId && record.agentId === agentId);
  }

  ofTenant(userId: string): DeploymentRecord[] {
    return [...this.records.values()].filter((record) => record.userId === userId);
  }

  hasTenant(userId: string): boolean {
    for (const record of this.records.values()) if (record.userId === userId) return true;
    return false;
  }

  async add(record: DeploymentRecord, modules: StoredModules): Promise<void> {
    const folder = this.folderOf(record.deploymentId);
    await createDirectory(folder);
    await replace(folder, "modules.json", modules);
    await this.update(record);
  }

  async update(record: DeploymentRecord): Promise<void> {
    await replace(this.folderOf(record.deploymentId), "deployment.json", record);
    this.records.set(record.deploymentId, record);
  }

  async modules(deploymentId: string): Promise<StoredModules> {
    return JSON.parse(await readFile(join(this.folderOf(deploymentId), "modules.json"), "utf8")) as StoredModules;
  }

  async remove(deploymentId: string): Promise<void> {
    this.records.delete(deploymentId);
    await rm(this.folderOf(deploymentId), { recursive: true, force: true });
    await syncDirectory(this.folder);
  }

  private async read(name: string, { sweep }: { sweep: boolean }): Promise<void> {
    try {
      const record = recordSchema.parse(JSON.parse(await readFile(join(this.folder, name, "deployment.json"), "utf8")));
      this.records.set(record.deploymentId, record);
    } catch (error) {
      if (!isSystemError(error, "ENOENT", "ENOTDIR")) throw error;
      if (sweep) await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }
}

async function replace(folder: string, name: string, value: unknown): Promise<void> {
  await moveIntoPlace(await writeTemporary(folder, Buffer.from(JSON.stringify(value))), join(folder, name));
}
