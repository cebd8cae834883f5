import { conflict } from "@whs/platform/errors";
import { readFile } from "node:fs/promises";
import semver from "semver";
import { z } from "zod";
import type { Redemption } from "./marketplace.ts";

const ownPackage = new URL("../../../package.json", import.meta.url);
const packageSchema = z.object({ version: z.string() });

/** @throws AppError `CONFLICT` when the release needs a newer WHS than the one that runs. */
export async function requireStack({ version, compat }: Redemption["release"]): Promise<void> {
  const needed = compat.minWHSVersion;
  if (needed === undefined) return;
  const { version: running } = packageSchema.parse(JSON.parse(await readFile(ownPackage, "utf8")));
  if (semver.gte(running, needed)) return;
  throw conflict(`Release ${version} needs WHS ${needed} or newer; this is ${running}.`, {
    details: { reason: "stackIncompatible", required: needed, running },
  });
}
