/** Carries out what a plan says of one entry, through the public API. */
import {
  activateDeployment,
  createAgent,
  createDeployment,
  createUpload,
  type Deployment,
  getAgent,
  getDeployment,
  listDeploymentLogs,
  setSecrets,
  updateAgent,
} from "@whs/api";
import {
  type AgentState,
  type ArtifactEntry,
  type Change,
  finding,
  type Finding,
  nodeFiles,
  packPayload,
  type PlannedEntry,
} from "@whs/artifact/contract";
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Api } from "./api.ts";

const FIRST_POLL_MS = 200;
const LONGEST_POLL_MS = 2_000;
/** So that a call stays below the API's limit of 1 MiB with values of full size. */
const SECRETS_PER_CALL = 12;

export interface Work {
  api: Api;
  entry: ArtifactEntry;
  planned: PlannedEntry;
  /** Undefined: there is no such agent yet. */
  state: AgentState | undefined;
  /** The keys that the agent has to know, in all. */
  envVarKeys: readonly string[];
  /** The value of a secret that the plan sets. */
  secret: (name: string) => string;
  /** The entry in the manifest. */
  path: string;
  folder: string;
  /** How long a deployment may take. */
  timeoutMs: number;
  onStep: (change: Change) => void;
}

export interface Applied {
  agentId: string;
  deploymentId: string | null;
  version: number | null;
  /** The runtime reads secrets only when it starts, and nothing was deployed that would start it. */
  redeployRequired: boolean;
}

/** What went wrong with the entry, as a finding. */
export class EntryFailed extends Error {
  override readonly name = "EntryFailed";
  readonly finding: Finding;

  constructor(found: Finding) {
    super(found.message);
    this.finding = found;
  }
}

/** @throws EntryFailed; ApiError */
export async function applyEntry(work: Work): Promise<Applied> {
  const { planned, state, onStep } = work;
  let agentId = state?.id;
  let deployment = state?.deployment ?? null;
  let redeployRequired = false;
  for (const change of planned.changes) {
    onStep(change);
    if (change.action === "create_agent") agentId = await create(work, change.runtime);
    else if (agentId === undefined) throw new Error(`The plan changes ${planned.agent} before it exists.`);
    else if (change.action === "set_secrets") redeployRequired = await setAll(work, agentId, change.keys);
    else {
      const settled = await carryOut(work, change, agentId);
      if (settled === undefined) continue;
      deployment = { id: settled.id, version: settled.version, isRunning: false };
      if (change.action === "deploy") redeployRequired = false;
    }
  }
  if (agentId === undefined) throw new Error(`The plan knows no agent ${planned.agent}, and creates none.`);
  return { agentId, deploymentId: deployment?.id ?? null, version: deployment?.version ?? null, redeployRequired };
}

/** Whether they take effect only with the next deployment. */
async function setAll({ api, secret }: Work, agentId: string, keys: readonly string[]): Promise<boolean> {
  let redeployRequired = false;
  for (let start = 0; start < keys.length; start += SECRETS_PER_CALL) {
    const secrets = Object.fromEntries(keys.slice(start, start + SECRETS_PER_CALL).map((key) => [key, secret(key)]));
    const { headers } = await api.exchange(setSecrets, { id: agentId, body: { secrets } });
    redeployRequired ||= headers.get("whs-redeploy-required") === "true";
  }
  return redeployRequired;
}

async function create({ api, entry, envVarKeys }: Work, runtime: string): Promise<string> {
  if (runtime !== "cloudflare" && runtime !== "agentcore") throw new Error(`There is no runtime ${runtime}.`);
  const runtimeProvider: "cloudflare" | "agentcore" = runtime;
  const body = { name: entry.agent, runtimeProvider, envVarKeys: [...envVarKeys] };
  return (await api.call(createAgent, { body, idempotencyKey: randomUUID() })).agent.id;
}

type Routed = Exclude<Change, { action: "create_agent" | "set_secrets" }>;

async function carryOut(work: Work, change: Routed, agentId: string): Promise<Deployment | undefined> {
  const { api, state } = work;
  switch (change.action) {
    case "change_runtime":
      if (change.to !== "cloudflare" && change.to !== "agentcore") throw new Error(`There is no runtime ${change.to}.`);
      await api.call(updateAgent, { id: agentId, body: { runtimeProvider: change.to } });
      return undefined;
    case "declare_keys":
      await api.call(updateAgent, { id: agentId, body: { envVarKeys: [...(state?.envVarKeys ?? []), ...change.keys] } });
      return undefined;
    case "deploy":
      return settle(work, await upload(work, agentId));
    case "await":
      return activateUnlessActive(work, agentId, await settle(work, change.deploymentId));
    case "activate":
      return (
        await api.call(activateDeployment, { id: agentId, deploymentId: change.deploymentId, body: { reason: "artifactctl deploy" } })
      ).deployment;
  }
}

async function upload({ api, entry, path, folder }: Work, agentId: string): Promise<string> {
  const packed = await packPayload(nodeFiles, entry, { path, folder });
  if (!packed.ok)
    throw new EntryFailed(packed.findings[0] ?? finding("PAYLOAD_DIGEST_MISMATCH", { path, message: "The payload has changed." }));
  const data = new Uint8Array(packed.archive);
  const digest = `sha-256=:${createHash("sha256").update(data).digest("base64")}:`;
  const sent = await api.call(createUpload, { bytes: { contentType: "application/gzip", data, digest }, idempotencyKey: randomUUID() });
  const artifact = { type: "uploaded_bundle", uploadId: sent.upload.id } as const;
  const { deployment } = await api.call(createDeployment, {
    id: agentId,
    body: { artifact, setAsActive: true },
    idempotencyKey: randomUUID(),
  });
  return deployment.id;
}

/** Waits until the deployment serves or has failed. */
async function settle({ api, path, entry, timeoutMs }: Work, id: string): Promise<Deployment> {
  const deadline = performance.now() + timeoutMs;
  for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * 1.5, LONGEST_POLL_MS)) {
    const { deployment } = await api.call(getDeployment, { id });
    const failed = (reason: string) =>
      new EntryFailed(finding("APPLY_DEPLOYMENT_FAILED", { path, message: `Version ${deployment.version} of ${entry.agent} ${reason}` }));
    if (deployment.status === "failed") throw failed(`failed: ${await reasonOf(api, deployment)}`);
    if (deployment.status !== "deploying") return deployment;
    if (performance.now() > deadline) throw failed(`(${id}) is still being deployed after ${Math.round(timeoutMs / 1000)} s.`);
    await delay(pause);
  }
}

async function reasonOf(api: Api, { id, errorMessage }: Deployment): Promise<string> {
  const { lines } = await api.call(listDeploymentLogs, { id, limit: 20 });
  const told = lines.filter(({ source, level }) => source === "deploy" && level === "error").map(({ message }) => message);
  return [...new Set([errorMessage ?? "It does not say why.", ...told.toReversed()])].join(" ");
}

async function activateUnlessActive({ api }: Work, agentId: string, deployment: Deployment): Promise<Deployment> {
  const { agent } = await api.call(getAgent, { id: agentId });
  if (agent.activeDeploymentId === deployment.id) return deployment;
  return (await api.call(activateDeployment, { id: agentId, deploymentId: deployment.id, body: { reason: "artifactctl deploy" } }))
    .deployment;
}
