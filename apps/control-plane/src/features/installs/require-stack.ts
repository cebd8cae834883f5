import { conflict } from "@whs/platform/errors";
import semver from "semver";
import type { Context } from "../../context.ts";
import { ownVersion } from "../../own-version.ts";
import type { Redemption } from "./marketplace.ts";

/** @throws AppError `CONFLICT` when the release needs a newer WHS than the one that runs. */
export function requireStack({ config }: Context, { version, compat }: Redemption["release"]): void {
  const needed = compat.minWHSVersion;
  const running = config.reportedVersions.gateway ?? ownVersion;
  if (needed === undefined || semver.gte(running, needed)) return;
  throw conflict(`Release ${version} needs WHS ${needed} or newer; this is ${running}.`, {
    details: { reason: "stackIncompatible", required: needed, running },
  });
}
