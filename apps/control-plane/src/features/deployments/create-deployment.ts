import type { BodyOf, createDeployment as endpoint, Deployment } from "@whs/api";
import type { AgentManifest } from "@whs/artifact";
import type { Transaction } from "@whs/platform/db";
import { AppError, brokenConstraint, conflict, notFound } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { Context } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { type AgentRow, lockAgent, requireAgent, requireRuntime, requireTools, updateAgent } from "../agents/index.ts";
import { checkBundle } from "./check-bundle.ts";
import { checkManifest } from "./check-manifest.ts";
import { deployJob } from "./deploy.ts";
import { toDeployment } from "./present.ts";
import { type DeploymentRow, findUpload, insertDeployment } from "./store.ts";

type Input = BodyOf<typeof endpoint>;

/**
 * Checks an uploaded bundle and its manifest, then creates the deployment and its job in one transaction: what is answered
 * with 202 is carried out, whatever dies in between. The job fetches a repository and checks it alike.
 */
export async function createDeployment(context: Context, input: { agentId: string; body: Input }): Promise<{ deployment: Deployment }> {
  const { agentId, body } = input;
  const agent = await requireAgent(context, agentId);
  requireDeployable(agent);
  requireRuntime(context, agent.runtime_provider);
  if (context.providers[agent.runtime_provider] === undefined)
    throw new AppError("UNAVAILABLE", `This installation has no ${agent.runtime_provider} runtime.`);
  const { artifact, manifest } = await checkArtifact(context, agent, body.artifact);
  const id = newId("dep");
  try {
    return await context.write({ action: "deployment.created", target: id, metadata: { agentId } }, async (transaction) => {
      const locked = await lockAgent(transaction, context.user.id, agentId);
      if (locked === undefined) throw notFound("Agent");
      requireDeployable(locked);
      if (body.version !== undefined && body.version !== locked.next_version)
        throw conflict(`The next version is ${locked.next_version}.`, { details: { nextVersion: locked.next_version } });
      const { setAsActive, commitHash = null } = body;
      return {
        deployment: toDeployment(await startDeployment(context, transaction, locked, { id, artifact, manifest, setAsActive, commitHash })),
      };
    });
  } catch (error) {
    throw brokenConstraint(error) === "deployments_one_running" ? alreadyDeploying() : error;
  }
}

/** What a deployment is made of, checked. */
interface Deployable {
  id: string;
  artifact: Deployment["artifact"];
  /** Null while the bundle has to be fetched. */
  manifest: AgentManifest | null;
  setAsActive: boolean;
  commitHash: string | null;
}

/** Creates the agent's next deployment and its job. The transaction holds the agent's row. */
export async function startDeployment(
  context: Pick<Context, "keys" | "jobs">,
  transaction: Transaction<Schema>,
  agent: AgentRow,
  deployable: Deployable,
): Promise<DeploymentRow> {
  const row = await insertDeployment(transaction, {
    ...deployable,
    userId: agent.user_id,
    agentId: agent.id,
    version: agent.next_version,
    runtimeProvider: agent.runtime_provider,
    agentStatusBefore: requireDeployable(agent),
    telemetryAuthRef: { rootKeyId: context.keys.currentTelemetryRootId, version: 1, rotatedAt: null },
  });
  await updateAgent(transaction, agent.id, { status: "deploying", next_version: agent.next_version + 1 });
  await context.jobs.send(transaction, deployJob, { deploymentId: deployable.id });
  return row;
}

function requireDeployable(agent: AgentRow): "created" | "active" | "error" {
  if (agent.status === "deploying") throw alreadyDeploying();
  if (agent.status === "disabled") throw conflict("The agent is disabled; enable it before deploying.");
  return agent.status;
}

function alreadyDeploying() {
  return conflict("A deploy of this agent is running; wait until it has ended.", { details: { reason: "deployRunning" } });
}

async function checkArtifact(
  context: Context,
  agent: AgentRow,
  artifact: Input["artifact"],
): Promise<{ artifact: Deployment["artifact"]; manifest: AgentManifest | null }> {
  if (artifact.type === "repo_ref") {
    const { type, ...source } = artifact;
    return { artifact: { type, source }, manifest: null };
  }
  const upload = await findUpload(context.db, context.user.id, artifact.uploadId, context.now());
  if (upload === undefined) throw notFound("Upload");
  const manifest = await checkBundle(context.blobs, upload.blob_key);
  await checkManifest(context.db, agent, manifest);
  requireTools(context, manifest);
  const checksum = `sha256:${upload.sha256}`;
  return { artifact: { type: "uploaded_bundle", source: { uploadId: upload.id, checksum, sizeBytes: upload.size_bytes } }, manifest };
}
