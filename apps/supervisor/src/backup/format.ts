import { z } from "zod";

/**
 * A backup is a folder: `manifest.json`, `deployments/<id>/…` and `tenants/<hash>/{storage,sessions}/…`. The manifest is written
 * last, so that a folder without one is no backup, and names every file with its size and hash.
 */
export const MANIFEST = "manifest.json";

export const manifestSchema = z.object({
  format: z.literal("whs-node-backup/1"),
  createdAt: z.iso.datetime(),
  tenants: z.array(
    z.object({
      userId: z.string(),
      /** Hash of the tenant, and its folder. */
      name: z.string().regex(/^[0-9a-f]{64}$/),
      deployments: z.array(z.string().regex(/^[A-Za-z0-9_-]{1,128}$/)),
    }),
  ),
  /** Tenants that another node serves, which makes their backup. */
  elsewhere: z.int(),
  files: z.array(z.object({ path: z.string(), bytes: z.int(), sha256: z.string() })),
});
export type Manifest = z.output<typeof manifestSchema>;
export type BackedUpFile = Manifest["files"][number];
