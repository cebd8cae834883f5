import type { BodyOf, createDeployment as endpoint, Deployment } from "@whs/api";
import type { AgentManifest } from "@whs/artifact";
import { brokenConstraint, conflict, notFound } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { Context } from "../../context.ts";
import { type AgentRow, lockAgent, requireAgent, requireRuntime, updateAgent } from "../agents/index.ts";
import { checkBundle } from "./check-bundle.ts";
import { checkManifest } from "./check-manifest.ts";
import { deployJob } from "./deploy.ts";
import { toDeployment } from "./present.ts";
import { findUpload, insertDeployment } from "./store.ts";

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
    throw conflict(`This installation has no ${agent.runtime_provider} runtime.`);
  const { artifact, manifest } = await checkArtifact(context, agent, body.artifact);
  const id = newId("dep");
  try {
    return await context.write({ action: "deployment.created", target: id, metadata: { agentId } }, async (transaction) => {
      const locked = await lockAgent(transaction, context.user.id, agentId);
      if (locked === undefined) throw notFound("Agent");
      const agentStatusBefore = requireDeployable(locked);
      if (body.version !== undefined && body.version !== locked.next_version)
        throw conflict(`The next version is ${locked.next_version}.`, { details: { nextVersion: locked.next_version } });
      const row = await insertDeployment(transaction, {
        id,
        userId: context.user.id,
        agentId,
        version: locked.next_version,
        runtimeProvider: locked.runtime_provider,
        setAsActive: body.setAsActive,
        agentStatusBefore,
        commitHash: body.commitHash ?? null,
        artifact,
        manifest,
        telemetryAuthRef: { rootKeyId: context.keys.currentTelemetryRootId, version: 1, rotatedAt: null },
      });
      await updateAgent(transaction, agentId, { status: "deploying", next_version: locked.next_version + 1 });
      await context.jobs.send(transaction, deployJob, { deploymentId: id });
      return { deployment: toDeployment(row) };
    });
  } catch (error) {
    throw brokenConstraint(error) === "deployments_one_running" ? alreadyDeploying() : error;
  }
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
  const checksum = `sha256:${upload.sha256}`;
  return { artifact: { type: "uploaded_bundle", source: { uploadId: upload.id, checksum, sizeBytes: upload.size_bytes } }, manifest };
}
