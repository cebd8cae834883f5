/** The steps that `check`, `plan` and `deploy` have in common, each before the next: payload, stack, state and secrets. Only reads. */
import { ApiError } from "@whs/api";
import {
  type AgentState,
  type ArtifactManifest,
  decideCompatibility,
  finding,
  type Finding,
  type GivenSecrets,
  hasErrors,
  nodeFiles,
  packPayload,
  type Plan,
  planEntry,
  type StackObservation,
  stateHash,
  type ValidatedArtifact,
  validatePayload,
} from "@whs/artifact/contract";
import { createHash } from "node:crypto";
import type { Api } from "./api.ts";
import type { Context } from "./context.ts";
import { findAgents, namesOfSetSecrets, observeAgent, observeStack, requestFailed } from "./observe.ts";

export interface ExamineOptions {
  artifact: string;
  allowFile: readonly string[];
}

export interface Examined {
  /** Absolute path of artifact.yml, and where its paths start. */
  file: string;
  folder: string;
  digest: string;
  manifest: ArtifactManifest;
  agents: Exclude<ValidatedArtifact["agents"][number], undefined>[];
  findings: Finding[];
}

type Outcome<T> = ({ ok: true } & T) | { ok: false; findings: Finding[] };

/** The payload contract. Offline. */
export async function examinePayload(context: Context, { artifact, allowFile }: ExamineOptions): Promise<Outcome<{ examined: Examined }>> {
  const read = await context.readManifest(artifact);
  if (!read.ok) return { ok: false, findings: [read.finding] };
  const { bytes, file, folder } = read;
  const { manifest, agents, findings } = await validatePayload(nodeFiles, bytes, folder, {
    allowFiles: allowFile,
    onEntry: ({ agent }, index) => context.output.progress(`Validating ${index + 1}: ${agent}`),
  });
  const known = agents.filter((agent) => agent !== undefined);
  if (manifest === undefined || hasErrors(findings)) return { ok: false, findings };
  if (known.length !== manifest.artifacts.length) throw new Error("A payload without a manifest of its agent was found to be right.");
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return { ok: true, examined: { file, folder, digest, manifest, agents: known, findings } };
}

/** The runtime stack contract. */
export async function examineStack(
  api: Api,
  { manifest }: Examined,
  strict: boolean,
): Promise<{ stack: StackObservation | null; findings: Finding[] }> {
  const { stack, reason } = await observeStack(api);
  const findings = decideCompatibility(manifest.runtime_stack, stack, strict);
  return {
    stack,
    findings: findings.map((found) =>
      found.code === "STACK_UNOBSERVABLE" && reason !== null ? { ...found, message: `${found.message} ${reason}` } : found,
    ),
  };
}

/** Whether every required secret has a value, here or there. Asks only for those that have none here. */
export async function examineSecrets(api: Api, { manifest }: Examined, given: GivenSecrets): Promise<Finding[]> {
  const open = manifest.artifacts.flatMap((entry, index) => {
    const names = (entry.required_secret_env ?? []).filter((name) => !given.file.has(name) && !given.environment(name));
    return names.length === 0 ? [] : [{ agent: entry.agent, names, path: `artifacts[${index}].required_secret_env` }];
  });
  if (open.length === 0) return [];
  try {
    const agents = await findAgents(
      api,
      open.map(({ agent }) => agent),
    );
    const findings: Finding[] = [];
    for (const { agent, names, path } of open) {
      const known = agents.get(agent);
      const set = known === undefined ? [] : await namesOfSetSecrets(api, known.id);
      for (const name of names.filter((candidate) => !set.includes(candidate)))
        findings.push(finding("APPLY_SECRET_MISSING", { path, message: `${name} has no value for the agent "${agent}".` }));
    }
    return findings;
  } catch (error) {
    if (error instanceof ApiError) return [requestFailed(error)];
    throw error;
  }
}

/** What would change, bound to what was seen. */
export async function makePlan(
  context: Context,
  api: Api,
  { examined, stack, given }: { examined: Examined; stack: StackObservation | null; given: GivenSecrets },
): Promise<Outcome<{ plan: Plan; states: ReadonlyMap<string, AgentState>; findings: Finding[] }>> {
  const { manifest, agents, folder, digest } = examined;
  try {
    const found = await findAgents(
      api,
      manifest.artifacts.map(({ agent }) => agent),
    );
    const states = new Map<string, AgentState>();
    const findings: Finding[] = [];
    const entries: Plan["entries"] = [];
    for (const [index, entry] of manifest.artifacts.entries()) {
      const path = `artifacts[${index}]`;
      const own = agents[index];
      if (own === undefined) throw new Error("An entry has no manifest of its agent.");
      context.output.progress(`Comparing ${index + 1}: ${entry.agent}`);
      const packed = await packPayload(nodeFiles, entry, { path, folder });
      if (!packed.ok) return packed;
      const agent = found.get(entry.agent);
      const state = agent === undefined ? null : await observeAgent(api, agent, packed.checksum);
      if (state !== null) states.set(entry.agent, state);
      const planned = planEntry(entry, own, state, given, path);
      entries.push(planned.planned);
      findings.push(...planned.findings);
    }
    const observed = Object.fromEntries(manifest.artifacts.map(({ agent }) => [agent, states.get(agent) ?? null]));
    const { project, env } = manifest;
    const plan: Plan = {
      planVersion: "1",
      project,
      env,
      artifactDigest: digest,
      apiUrl: api.url,
      stateHash: stateHash({ stack, agents: observed }),
      entries,
    };
    return { ok: true, plan, states, findings };
  } catch (error) {
    if (error instanceof ApiError) return { ok: false, findings: [requestFailed(error)] };
    throw error;
  }
}
