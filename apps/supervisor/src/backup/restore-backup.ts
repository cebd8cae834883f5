import { chown, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createDirectory, isSystemError } from "@whs/platform/durable-files";
import { ProviderError } from "@whs/runtimes";
import { tenantFolder, tenantHash } from "../cells/tenant.ts";
import type { BackupDependencies, BackupSummary } from "./create-backup.ts";
import { copyFiles, describeFile, filesBelow } from "./files.ts";
import { type Manifest, MANIFEST, manifestSchema } from "./format.ts";

export interface RestoreDependencies extends BackupDependencies {
  /** The user that cells run as; null: ours. */
  cellUid: number | null;
}

/**
 * Brings the tenants of a backup to this node, which must not know any of them. Nothing is changed before every file of the
 * backup was checked against its manifest.
 * @throws ProviderError `invalid` when it is no whole backup, or a tenant is here already.
 */
export async function restoreBackup(dependencies: RestoreDependencies, folder: string): Promise<BackupSummary> {
  const manifest = await readManifest(folder);
  await checkFiles(folder, manifest);
  for (const { userId } of manifest.tenants) await refuseKnown(dependencies, userId);
  for (const tenant of manifest.tenants) {
    await dependencies.tenancy.during(tenant.userId, () =>
      dependencies.cells.whileStill(tenant.userId, () => restoreTenant(dependencies, folder, tenant)),
    );
  }
  const { tenants, elsewhere, files } = manifest;
  return { tenants: tenants.length, elsewhere, files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}

async function readManifest(folder: string): Promise<Manifest> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(join(folder, MANIFEST), "utf8")));
  } catch (cause) {
    throw invalid(`${folder} is no backup of a node: its ${MANIFEST} is missing or cannot be read.`, cause);
  }
}

async function checkFiles(folder: string, { files, tenants }: Manifest): Promise<void> {
  const there = new Set((await filesBelow(folder)).filter((path) => path !== MANIFEST));
  for (const expected of files) {
    if (!there.delete(expected.path)) throw invalid(`The backup lacks ${expected.path}.`);
    const found = await describeFile(folder, expected.path);
    if (found.bytes !== expected.bytes || found.sha256 !== expected.sha256) throw invalid(`${expected.path} is not what was backed up.`);
  }
  const [foreign] = there;
  if (foreign !== undefined) throw invalid(`${foreign} is not part of the backup.`);
  for (const { userId, name } of tenants) if (tenantHash(userId) !== name) throw invalid(`The folder ${name} is not that of its tenant.`);
}

async function refuseKnown({ registry, roots }: Pick<RestoreDependencies, "registry" | "roots">, userId: string): Promise<void> {
  if (registry.hasTenant(userId) || (await exists(tenantFolder(roots, userId))))
    throw invalid(`The tenant ${userId} is on this node already; a backup is restored to a node that does not know its tenants.`);
}

/** Sessions first: a deployment that is known can be invoked. */
async function restoreTenant(
  { registry, roots, cellUid }: RestoreDependencies,
  folder: string,
  { userId, name, deployments }: Manifest["tenants"][number],
): Promise<void> {
  await refuseKnown({ registry, roots }, userId);
  const target = tenantFolder(roots, userId);
  const half = `${target}.restoring`;
  await rm(half, { recursive: true, force: true });
  await createDirectory(half);
  await copyFiles(join(folder, "tenants", name), half);
  await giveStorage(half, cellUid);
  await rename(half, target);
  for (const deploymentId of deployments) {
    await copyFiles(join(folder, "deployments", deploymentId), registry.folderOf(deploymentId));
  }
  await registry.reload(userId);
}

/** Files of the storage belong to the user that cells run as. */
async function giveStorage(tenant: string, cellUid: number | null): Promise<void> {
  if (cellUid === null) return;
  const storage = join(tenant, "storage");
  const folders = new Set<string>();
  for (const path of await filesBelow(storage)) {
    await chown(join(storage, path), cellUid, cellUid);
    const parts = path.split("/").slice(0, -1);
    parts.forEach((_part, index) => folders.add(parts.slice(0, index + 1).join("/")));
  }
  for (const path of ["", ...folders]) if (await exists(join(storage, path))) await chown(join(storage, path), cellUid, cellUid);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return false;
    throw error;
  }
}

function invalid(message: string, cause?: unknown): ProviderError {
  return new ProviderError("invalid", message, { reached: false, cause });
}
