import { createHash } from "node:crypto";
import { join } from "node:path";
import { SESSION_FOLDER } from "@whs/runtimes/cell";

/** Where a tenant's cell lives. Names are a hash of the tenant: bounded, safe as file names, and saying nothing. */
export interface TenantPaths {
  name: string;
  runDir: string;
  mainSocket: string;
  controlSocket: string;
  egressSocket: string;
  /** The cell's own storage; nothing but workerd writes there while it runs. */
  storageDir: string;
  sessionsDir: string;
  /** `<agentId>/<objectId>`: an empty file for each session that holds something. */
  sessionIndexDir: string;
  ownerFile: string;
}

/** In full on the disk: two tenants must never share storage, however many there are. */
export function tenantHash(userId: string): string {
  return createHash("sha256").update(userId).digest("hex");
}

export function tenantFolder(roots: { storageDir: string }, userId: string): string {
  return join(roots.storageDir, "tenants", tenantHash(userId));
}

export function tenantPaths(roots: { runDir: string; storageDir: string }, userId: string): TenantPaths {
  const hash = tenantHash(userId);
  const folder = tenantFolder(roots, userId);
  const name = hash.slice(0, 12);
  const runDir = join(roots.runDir, name);
  const storageDir = join(folder, "storage");
  return {
    name,
    runDir,
    mainSocket: join(runDir, "main.sock"),
    controlSocket: join(runDir, "control.sock"),
    egressSocket: join(runDir, "egress.sock"),
    storageDir,
    sessionsDir: join(storageDir, SESSION_FOLDER),
    sessionIndexDir: join(folder, "sessions"),
    ownerFile: join(folder, "owner.json"),
  };
}
