import type { AnswerOf, fleetprompt, QueryOf } from "@whs/api";
import type { PublicContext } from "../../context.ts";
import type { Compat } from "../../database.ts";
import { visibleToAll } from "../access/index.ts";
import { findListing } from "../listings/index.ts";
import { compareVersions, listByVersion, type ReleaseOrderRow } from "../releases/index.ts";

/** Releases that are looked at, from the newest on. */
const consideredReleases = 500;

type Stack = QueryOf<typeof fleetprompt.getInstallPlan>;
type Requirement = { field: keyof Compat; system: string; version: string | undefined };

/** The newest release that fits a stack, and why each newer one does not. */
export async function getInstallPlan(
  context: PublicContext,
  input: { id: string } & Stack,
): Promise<AnswerOf<typeof fleetprompt.getInstallPlan>> {
  const listing = visibleToAll(await findListing(context.db, input.id), "Listing");
  const releases = await listByVersion(context.db, listing.id, consideredReleases);
  return planOf(releases, input);
}

/** @param releases the one to prefer first: pre-releases come last, and each group from the highest version on */
export function planOf(releases: readonly ReleaseOrderRow[], stack: Stack): AnswerOf<typeof fleetprompt.getInstallPlan> {
  const refusals = new Map(releases.map((release) => [release.id, refusalsOf(release, stack)]));
  const chosen = releases.find(({ id }) => refusals.get(id)?.length === 0);
  const rejected = releases
    .filter(({ id, version }) => id !== chosen?.id && (chosen === undefined || compareVersions(version, chosen.version) > 0))
    .toSorted((a, b) => compareVersions(b.version, a.version))
    .map(({ id, version, is_prerelease }) => {
      const reasons = refusals.get(id) ?? [];
      const fits = reasons.length === 0 && is_prerelease ? ["is a pre-release, and a release fits"] : [];
      return { releaseId: id, version, reasons: [...reasons, ...fits] };
    });
  return { chosen: chosen === undefined ? null : { releaseId: chosen.id, version: chosen.version }, rejected };
}

function refusalsOf({ compat }: Pick<ReleaseOrderRow, "compat">, stack: Stack): string[] {
  const { field, system, version } = requirementOf(stack);
  const least = compat[field];
  if (least === undefined) return [];
  if (version === undefined) return [`needs ${system} ${least} or newer, and the stack's version is not given`];
  return compareVersions(version, least) >= 0 ? [] : [`needs ${system} ${least} or newer, and the stack has ${version}`];
}

function requirementOf(stack: Stack): Requirement {
  switch (stack.targetSystem) {
    case "whs":
      return { field: "minWHSVersion", system: "WHS", version: stack.whsVersion };
    case "agentromatic":
      return { field: "minAgentromaticVersion", system: "Agentromatic", version: stack.agentromaticVersion };
    case "agentelic":
      return { field: "minAgentelicVersion", system: "Agentelic", version: stack.agentelicVersion };
  }
}
