import type { AnswerOf, BodyOf, createInstall as endpoint } from "@whs/api";
import { conflict, notFound } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { Transaction } from "@whs/platform/db";
import { createHash } from "node:crypto";
import type { Context } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { type AgentRow, lockAgent, requireAgent, requireRuntime, toAgent } from "../agents/index.ts";
import { startDeployment, toDeployment } from "../deployments/index.ts";
import { setKeysOf } from "../secrets/index.ts";
import { acknowledgeInstallJob } from "./acknowledge-install.ts";
import { copyBundle, insertOwnUpload, openOwnBundle, type OwnBundle } from "./bundle.ts";
import { insertClone } from "./insert-clone.ts";
import type { Marketplace, Redemption } from "./marketplace.ts";
import { requireStack } from "./require-stack.ts";
import { findInstall, findInstallOf, findSource, insertInstall, isTaken, type InstallRow, newestDeployment, type Source } from "./store.ts";

type Answer = AnswerOf<typeof endpoint>;

/**
 * Redeems a token and makes the buyer's own agent of the release's bytes. One agent for an install intent, whatever is
 * repeated and wherever a process dies: the agent, its first deployment and the word to the marketplace are one transaction.
 */
export async function createInstall(context: Context, marketplace: Marketplace, input: BodyOf<typeof endpoint>): Promise<Answer> {
  const redemption = await redeem(context, marketplace, input.installToken);
  const made = await findInstall(context.db, context.user.id, redemption.installIntent.installIntentId);
  if (made !== undefined) return continueInstall(context, made);
  const source = await requireSource(context, redemption);
  requireStack(context, redemption.release);
  requireRuntime(context, source.agent.runtime_provider);
  return install(context, redemption, source, input.name);
}

async function redeem(context: Context, marketplace: Marketplace, installToken: string): Promise<Redemption> {
  const { externalId } = context.user;
  // Whoever sends the token again, even from another process, gets what it stood for; it is spent only once.
  const idempotencyKey = createHash("sha256")
    .update(JSON.stringify([installToken, externalId]))
    .digest("hex");
  const redemption = await marketplace.redeem({ installToken, buyerExternalUserId: externalId, idempotencyKey });
  if (redemption?.buyer.externalUserId !== externalId || redemption.installIntent.targetSystem !== "whs") throw notFound("Install token");
  return redemption;
}

/** @throws AppError `NOT_FOUND` when the publisher offers these bytes (no more). */
async function requireSource(context: Context, { listing, publisher, release }: Redemption): Promise<Source> {
  const sha256 = release.artifacts.find(({ kind }) => kind === "source_bundle")?.sha256;
  const agentId = release.refs.whsAgentId;
  if (listing.assetKind !== "whs_agent" || agentId === undefined || sha256 === undefined) throw notFound("Release");
  const source = await findSource(context.db, { agentId, publisherExternalId: publisher.externalUserId, sha256 });
  if (source === undefined) throw notFound("Release");
  return source;
}

async function install(context: Context, redemption: Redemption, source: Source, name: string | undefined): Promise<Answer> {
  const { installIntentId } = redemption.installIntent;
  const release = { listingId: redemption.listing.listingId, releaseId: redemption.release.releaseId, version: redemption.release.version };
  const bundle = await copyBundle(context, source);
  let isKept = false;
  try {
    const answer = await context.write({ action: "install.created", target: installIntentId, metadata: release }, async (transaction) => {
      if (await isTaken(transaction, installIntentId)) throw new MadeMeanwhile();
      const agent = await insertClone(context, transaction, {
        source,
        manifest: bundle.manifest,
        listingName: redemption.listing.name,
        name,
      });
      await insertOwnUpload(context, transaction, bundle);
      const row = { installIntentId, userId: context.user.id, agentId: agent.id, uploadId: bundle.uploadId, ...release };
      await insertInstall(transaction, row);
      await context.jobs.send(transaction, acknowledgeInstallJob, { installIntentId, agentId: agent.id });
      return deployWhenComplete(context, transaction, agent, bundle, bundle.manifest.env.requiredKeys);
    });
    isKept = true;
    return answer;
  } catch (error) {
    if (!(error instanceof MadeMeanwhile)) throw error;
    const made = await findInstall(context.db, context.user.id, installIntentId);
    if (made === undefined) throw error;
    return await continueInstall(context, made);
  } finally {
    if (!isKept) await context.blobs.delete(bundle.blobKey);
  }
}

/** Another request with the same token was quicker; what this one has done is undone. */
class MadeMeanwhile extends Error {}

/** The token was sent again: the agent is there, and may be complete now. */
async function continueInstall(context: Context, made: InstallRow): Promise<Answer> {
  const agent = await requireAgent(context, made.agent_id);
  const deployed = await newestDeployment(context.db, agent.id);
  if (deployed !== undefined) return { agent: toAgent(agent), deployment: toDeployment(deployed), missingSecrets: [] };
  const bundle = await openOwnBundle(context, made.upload_id);
  if (bundle === undefined) throw conflict(`What was installed as "${agent.name}" is not kept any more; install it again.`);
  return deployInstalled(context, made, bundle);
}

/**
 * An installed agent that waits for its secrets is deployed with the last one, whoever sets it and however. That the secret
 * is set counts in any case: what prevents the deploy is logged, and told to whoever sends the install's token again.
 */
export async function deployWhenSecretsAreSet(context: Context, agentId: string): Promise<void> {
  try {
    const made = await findInstallOf(context.db, context.user.id, agentId);
    if (made === undefined || (await newestDeployment(context.db, agentId)) !== undefined) return;
    const bundle = await openOwnBundle(context, made.upload_id);
    if (bundle !== undefined) await deployInstalled(context, made, bundle);
  } catch (error) {
    context.log.warn({ err: error, agentId, traceId: context.traceId }, "The installed agent has its secrets and cannot be deployed yet");
  }
}

/** Deploys once, when no secret is missing. */
async function deployInstalled(context: Context, made: InstallRow, bundle: OwnBundle): Promise<Answer> {
  const agent = await requireAgent(context, made.agent_id);
  const set = await setKeysOf(context.db, agent.id);
  const missing = bundle.manifest.env.requiredKeys.filter((key) => !set.has(key));
  if (missing.length > 0) return { agent: toAgent(agent), missingSecrets: missing };
  return context.write(
    { action: "install.deployed", target: made.install_intent_id, metadata: { agentId: agent.id } },
    async (transaction) => {
      const locked = await lockAgent(transaction, context.user.id, agent.id);
      if (locked === undefined) throw notFound("Agent");
      const deployed = await newestDeployment(transaction, agent.id);
      if (deployed !== undefined) return { agent: toAgent(locked), deployment: toDeployment(deployed), missingSecrets: [] };
      return deployWhenComplete(context, transaction, locked, bundle, []);
    },
  );
}

async function deployWhenComplete(
  context: Context,
  transaction: Transaction<Schema>,
  agent: AgentRow,
  { uploadId, sha256, sizeBytes, manifest }: OwnBundle,
  missingSecrets: readonly string[],
): Promise<Answer> {
  if (missingSecrets.length > 0) return { agent: toAgent(agent), missingSecrets: [...missingSecrets] };
  const deployment = await startDeployment(context, transaction, agent, {
    id: newId("dep"),
    artifact: { type: "uploaded_bundle", source: { uploadId, checksum: `sha256:${sha256}`, sizeBytes } },
    manifest,
    setAsActive: true,
    commitHash: null,
  });
  return { agent: { ...toAgent(agent), status: "deploying" }, deployment: toDeployment(deployment), missingSecrets: [] };
}
