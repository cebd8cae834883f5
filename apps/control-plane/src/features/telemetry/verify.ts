import { unauthenticated } from "@whs/platform/errors";
import { deriveTelemetryKey, verifySignature } from "@whs/platform/signatures";
import { createSecretKey, type KeyObject } from "node:crypto";
import type { Kysely } from "kysely";
import { createBoundedCache } from "../../bounded-cache.ts";
import type { Schema } from "../../database.ts";
import type { Keys } from "../../keys.ts";
import { findTelemetryOwner, type TelemetryOwner } from "./store.ts";

export interface SignedReport {
  deploymentId: string;
  signature: string | undefined;
  rawBody: Buffer;
}

export interface TelemetryVerifier {
  /** @throws AppError `UNAUTHENTICATED`, the same for a bad signature and for a deployment that never existed. */
  verify(report: SignedReport): Promise<TelemetryOwner>;
}

interface Known {
  owner: TelemetryOwner;
  /** Made once: bytes would be made into a key for each event, which takes longer than all else that is done with it. */
  keys: KeyObject[];
  readAt: number;
}

/** How long keys are used without another look at the deployment. */
const believedMs = 60_000;
/** A signature that does not fit is checked against a fresh look, at most this often for each deployment. */
const refreshMs = 1_000;

export function createTelemetryVerifier(options: {
  db: Kysely<Schema>;
  keys: Keys;
  now: () => Date;
  overlapMs: number;
}): TelemetryVerifier {
  const known = createBoundedCache<Known | "unknown">({ maxEntries: 50_000, maxAgeMs: believedMs });

  const read = async (deploymentId: string): Promise<Known | "unknown"> => {
    const owner = await findTelemetryOwner(options.db, deploymentId);
    const entry = owner === undefined ? ("unknown" as const) : { owner, keys: await keysOf(owner), readAt: options.now().getTime() };
    known.set(deploymentId, entry);
    return entry;
  };
  const keysOf = async ({ deploymentId, authRef }: TelemetryOwner): Promise<KeyObject[]> => {
    const root = await options.keys.telemetryRoot(authRef.rootKeyId);
    const versions = overlaps(authRef.rotatedAt) ? [authRef.version, authRef.version - 1] : [authRef.version];
    return versions.map((version) => createSecretKey(deriveTelemetryKey(root, deploymentId, version)));
  };
  const overlaps = (rotatedAt: string | null): boolean =>
    rotatedAt !== null && options.now().getTime() < Date.parse(rotatedAt) + options.overlapMs;

  const fits = (entry: Known, report: SignedReport): boolean => {
    // An overlap that has ended since the keys were derived ends here as well.
    const keys = overlaps(entry.owner.authRef.rotatedAt) ? entry.keys : entry.keys.slice(0, 1);
    return verifySignature({ header: report.signature, keys, rawBody: report.rawBody, now: options.now().getTime() }).ok;
  };
  return {
    async verify(report) {
      if (report.deploymentId.length > 64) throw unauthenticated("The signature is not valid.");
      const entry = known.get(report.deploymentId) ?? (await read(report.deploymentId));
      if (entry !== "unknown" && fits(entry, report)) return entry.owner;
      if (entry !== "unknown" && options.now().getTime() - entry.readAt > refreshMs) {
        const fresh = await read(report.deploymentId);
        if (fresh !== "unknown" && fits(fresh, report)) return fresh.owner;
      }
      throw unauthenticated("The signature is not valid.");
    },
  };
}
