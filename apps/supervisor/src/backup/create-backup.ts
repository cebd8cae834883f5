import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { moveIntoPlace, writeTemporary } from "@whs/platform/durable-files";
import { ProviderError } from "@whs/runtimes";
import type { Cells } from "../cells/cells.ts";
import { type Tenancy, ServedElsewhere } from "../cells/tenancy.ts";
import { tenantFolder, tenantHash } from "../cells/tenant.ts";
import type { DeploymentRegistry } from "../deployments/registry.ts";
import { copyFiles, describeFile, filesBelow } from "./files.ts";
import { MANIFEST, type Manifest } from "./format.ts";

export interface BackupDependencies {
  registry: DeploymentRegistry;
  cells: Cells;
  tenancy: Tenancy;
  roots: { runDir: string; storageDir: string };
}

export interface BackupSummary {
  tenants: number;
  elsewhere: number;
  files: number;
  bytes: number;
}

/**
 * Copies the deployments and sessions of this node's tenants while it goes on. Each tenant's process stands still for as long as
 * its files are copied, so that its sessions are all of one moment; nothing that runs in it ends.
 * @throws ProviderError `invalid` when the folder is not empty.
 */
export async function createBackup(dependencies: BackupDependencies, folder: string): Promise<BackupSummary> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0)
    throw new ProviderError("invalid", `${folder} is not empty; a backup needs a folder of its own.`, { reached: false });
  try {
    return await fill(dependencies, folder);
  } catch (error) {
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
    throw error;
  }
}

async function fill({ registry, cells, tenancy, roots }: BackupDependencies, folder: string): Promise<BackupSummary> {
  const createdAt = new Date().toISOString();
  const tenants: Manifest["tenants"] = [];
  let elsewhere = 0;
  for (const userId of await registry.allTenants()) {
    const name = tenantHash(userId);
    const copied = await tenancy
      .during(
        userId,
        async () => {
          const deployments = registry.ofTenant(userId).filter(({ loaded }) => loaded);
          for (const { deploymentId } of deployments)
            await copyFiles(registry.folderOf(deploymentId), join(folder, "deployments", deploymentId));
          await cells.whileStill(userId, () => copyFiles(tenantFolder(roots, userId), join(folder, "tenants", name)));
          return deployments.map(({ deploymentId }) => deploymentId);
        },
        { takeOver: false },
      )
      .catch((error: unknown) => {
        if (error instanceof ServedElsewhere) return null;
        throw error;
      });
    if (copied === null) elsewhere += 1;
    else if (copied.length > 0) tenants.push({ userId, name, deployments: copied });
  }
  const files = [];
  for (const path of await filesBelow(folder)) files.push(await describeFile(folder, path));
  const manifest: Manifest = { format: "whs-node-backup/1", createdAt, tenants, elsewhere, files };
  await moveIntoPlace(await writeTemporary(folder, Buffer.from(JSON.stringify(manifest, null, 1))), join(folder, MANIFEST));
  return { tenants: tenants.length, elsewhere, files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}
