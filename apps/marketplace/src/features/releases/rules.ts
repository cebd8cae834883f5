import type { BodyOf, fleetprompt } from "@whs/api";
import { invalidRequest } from "@whs/platform/errors";
import type { Artifact, Refs } from "../../database.ts";
import { unsupported } from "../../errors.ts";

/** What a release of each kind must name, and what else it may name. */
const refsOf: Readonly<Record<fleetprompt.AssetKind, { required: keyof Refs; hints: readonly (keyof Refs)[] }>> = {
  whs_agent: { required: "whsAgentId", hints: ["whsDeploymentId"] },
  agentromatic_workflow: { required: "agentromaticWorkflowId", hints: [] },
  spec_asset: { required: "specAssetId", hints: [] },
};

/** @throws AppError for a reference that is missing, or that is another kind's */
export function checkRefs(kind: fleetprompt.AssetKind, refs: fleetprompt.ReleaseRefs): Refs {
  const { required, hints } = refsOf[kind];
  const wrong = Object.entries(refs)
    .filter(([name, value]) => value !== undefined && name !== required && !hints.includes(name as keyof Refs))
    .map(([name]) => ({ fieldName: `refs.${name}`, message: `is not for a listing of kind ${kind}` }));
  const missing =
    refs[required] === undefined ? [{ fieldName: `refs.${required}`, message: `is required for a listing of kind ${kind}` }] : [];
  if (wrong.length + missing.length > 0) throw invalidRequest([...missing, ...wrong]);
  return Object.fromEntries(Object.entries(refs).filter(([, value]) => value !== undefined));
}

/** @throws AppError for a way to download that this version has not, and where it must be pinned which bytes are installed */
export function checkArtifacts(
  kind: fleetprompt.AssetKind,
  artifacts: NonNullable<BodyOf<typeof fleetprompt.publishRelease>["artifacts"]>,
): Artifact[] {
  artifacts.forEach(({ download }, index) => {
    if (download.mode !== "none") throw unsupported(`artifacts.${index}.download.mode`, 'is not available in this version; use "none"');
  });
  if (kind === "whs_agent" && artifacts.filter((artifact) => artifact.kind === "source_bundle").length !== 1)
    throw invalidRequest([
      { fieldName: "artifacts", message: "must have one source_bundle with its sha256, which pins the bytes that are installed" },
    ]);
  return artifacts.map(({ kind: artifactKind, sha256, sizeBytes, download }) => ({
    kind: artifactKind,
    sha256,
    sizeBytes,
    download: { mode: "none", ...(download.hint === undefined ? {} : { hint: download.hint }) },
  }));
}
