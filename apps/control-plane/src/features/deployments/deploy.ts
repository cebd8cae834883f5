import { extract } from "@whs/artifact";
import type { FieldError } from "@whs/api";
import { AppError, invalidRequest } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import { defineJob, type JobRun } from "@whs/platform/jobs";
import { ProviderError } from "@whs/runtimes";
import { z } from "zod";
import type { SystemContext } from "../../context.ts";
import { secretRefsFor } from "../secrets/index.ts";
import { BundleBuildError, buildBundle, formatFinding } from "./bundling/build-bundle.ts";
import { endWithFailure, endWithSuccess } from "./end-deploy.ts";
import { resolveRepository, sourceOf } from "./repository/resolve-repository.ts";
import { keepSourceMap } from "./source-maps.ts";
import { findStoredBundle } from "./stored-bundle.ts";
import { type DeploymentRow, findAnyDeployment, findSettings, insertLogLines } from "./store.ts";

export const deployJob = defineJob({
  name: "deployment.deploy",
  data: z.object({ deploymentId: z.string() }),
  retryLimit: 5,
  retryDelaySeconds: 1,
  timeoutSeconds: 120,
  concurrency: 2,
});

/** Longest message that a deployment keeps. */
const maxMessageChars = 4000;
export const buildTimeoutMs = 30_000;
/** Warnings of a build that its log shows. */
const maxWarnings = 20;

/** Brings a deployment from `deploying` to `active` or `failed`. Repeating it changes nothing. */
export async function deploy(context: SystemContext, job: { deploymentId: string }, run: JobRun): Promise<void> {
  const deployment = await findAnyDeployment(context.db, job.deploymentId);
  if (deployment === undefined || deployment.status !== "deploying") return;
  const log = deployLog(context, deployment);
  const ended = (outcome: "deployed" | "failed"): void =>
    context.metrics.deployEnded(deployment.runtime_provider, outcome, context.now().getTime() - deployment.created_at.getTime());
  try {
    await endWithSuccess(context, deployment, await prepare(context, deployment, log, run.signal));
    ended("deployed");
    await log("info", `Version ${deployment.version} is deployed.`);
  } catch (error) {
    if (!isFinal(error) && !run.isLastAttempt) throw error;
    const message = publicMessage(error);
    if (!isFinal(error)) context.log.error({ err: error, deploymentId: deployment.id }, "A deploy failed after its last attempt");
    await log("error", message);
    await endWithFailure(context, deployment, message);
    ended("failed");
  }
}

async function prepare(context: SystemContext, requested: DeploymentRow, log: DeployLog, signal: AbortSignal) {
  const deployment = requested.artifact.type === "repo_ref" ? await fetchRepository(context, requested, log, signal) : requested;
  const provider = context.providers[deployment.runtime_provider];
  if (provider === undefined) throw new ProviderError("invalid", `This installation has no ${deployment.runtime_provider} runtime.`);
  const { manifest, blobKey, checksum, readOptions } = await bundleOf(context, deployment);
  const place = await context.buildPlaces.take();
  try {
    const { extractedDir, started } = place;
    await extract(await context.blobs.openRead(blobKey), extractedDir, readOptions);
    const { bundle, sourceMap, warnings } = await buildBundle({
      extractedDir,
      manifest,
      checksum,
      signal,
      timeoutMs: buildTimeoutMs,
      sandbox: context.buildSandbox,
      started,
    });
    await keepSourceMap(context.blobs, deployment.id, sourceMap);
    for (const warning of warnings.slice(0, maxWarnings)) await log("warn", formatFinding(warning));
    await log("info", `Bundled ${Object.keys(bundle.modules).length} module(s).`);
    const owner = await ownerOf(context, deployment);
    const deployed = await provider.deploy({
      userId: deployment.user_id,
      agentId: deployment.agent_id,
      deploymentId: deployment.id,
      version: deployment.version,
      manifest,
      bundle,
      ...owner.workerSettings,
      ...owner.agentcore,
      secrets: await secretRefsFor(context.db, deployment.agent_id),
      entitlements: owner.entitlements,
      telemetry: { rootKeyId: deployment.telemetry_auth_ref.rootKeyId, keyVersion: deployment.telemetry_auth_ref.version },
    });
    await provider.activate({ userId: deployment.user_id, agentId: deployment.agent_id, deploymentId: deployment.id });
    return deployed;
  } finally {
    await place.release();
  }
}

async function fetchRepository(context: SystemContext, deployment: DeploymentRow, log: DeployLog, signal: AbortSignal) {
  const resolved = await resolveRepository(context, deployment, signal);
  const { owner, repository } = sourceOf(deployment);
  await log("info", `Fetched ${owner}/${repository} at commit ${resolved.artifact.resolved?.commit}.`);
  return resolved;
}

/** The stored bytes of a deployment, and how they are to be read. */
async function bundleOf(context: SystemContext, deployment: DeploymentRow) {
  const { manifest } = deployment;
  const stored = await findStoredBundle(context.db, deployment);
  if (manifest === null || stored === "never") throw new ProviderError("invalid", "The deployment has no bundle.");
  if (stored === "gone") throw new ProviderError("invalid", "The uploaded bundle is gone; upload it again.");
  return { manifest, ...stored };
}

async function ownerOf(context: SystemContext, deployment: DeploymentRow) {
  const row = await findSettings(context.db, deployment.agent_id);
  const settings = { ...row.provider_config.cloudflare, ...deployment.manifest?.cloudflare };
  return {
    entitlements: context.tiers[row.subscription_tier],
    agentcore: row.provider_config.agentcore === null ? {} : { agentcore: present(row.provider_config.agentcore) },
    workerSettings: {
      ...(settings.compatibilityDate === undefined ? {} : { compatibilityDate: settings.compatibilityDate }),
      ...(settings.compatibilityFlags === undefined ? {} : { compatibilityFlags: settings.compatibilityFlags }),
    },
  };
}

/** Without the keys that are there but undefined. */
function present<T extends object>(settings: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** Errors that another attempt cannot mend: the author has to change something. */
function isFinal(error: unknown): boolean {
  if (error instanceof BundleBuildError) return true;
  if (error instanceof ProviderError) return !error.retryable;
  return error instanceof AppError && !error.retryable && error.code !== "INTERNAL";
}

/** All findings of a bundle, each in the words of the answer that refuses an uploaded one. */
function publicMessage(error: unknown): string {
  if (error instanceof AppError && Array.isArray(error.details["fields"]))
    return (error.details["fields"] as FieldError[])
      .map((field) => invalidRequest([field]).message)
      .join("\n")
      .slice(0, maxMessageChars);
  if (error instanceof BundleBuildError || error instanceof ProviderError || error instanceof AppError)
    return error.message.slice(0, maxMessageChars);
  return "The deploy failed for a reason of ours; deploy again.";
}

type DeployLog = (level: "info" | "warn" | "error", message: string) => Promise<void>;

function deployLog(context: SystemContext, deployment: DeploymentRow): DeployLog {
  return (level, message) =>
    insertLogLines(context.db, [
      {
        id: newId("lin"),
        deploymentId: deployment.id,
        agentId: deployment.agent_id,
        traceId: null,
        at: context.now(),
        source: "deploy",
        level,
        message: message.slice(0, 2000),
      },
    ]);
}
