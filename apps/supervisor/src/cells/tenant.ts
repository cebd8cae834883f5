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

export function tenantName(userId: string): string {
  return createHash("sha256").update(userId).digest("hex").slice(0, 12);
}

export function tenantPaths(roots: { runDir: string; planeDir: string }, userId: string): TenantPaths {
  // The full hash on the disk: two tenants must never share storage, however many there are.
  const folder = join(roots.planeDir, "tenants", createHash("sha256").update(userId).digest("hex"));
  const name = tenantName(userId);
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
