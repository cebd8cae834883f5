import { createHash } from "node:crypto";
import { z } from "zod";
import type { AgentManifest } from "../manifest.ts";
import { finding, shown, type Finding } from "./finding.ts";
import type { StackObservation } from "./observation.ts";
import type { ArtifactEntry } from "./schema.ts";

/** An agent as the stack has it. */
export interface AgentState {
  id: string;
  runtime: string;
  isDisabled: boolean;
  activeDeploymentId: string | null;
  envVarKeys: readonly string[];
  /** Names of the secrets that have a value. */
  secretsSet: readonly string[];
  /** The newest deployment of exactly this payload that has not failed. */
  deployment: { id: string; version: number; isRunning: boolean } | null;
}

export interface ObservedState {
  stack: StackObservation | null;
  /** By name; null where there is no such agent. */
  agents: Readonly<Record<string, AgentState | null>>;
}

const changeSchema = z.discriminatedUnion("action", [
  z.strictObject({ action: z.literal("create_agent"), runtime: z.string() }),
  z.strictObject({ action: z.literal("change_runtime"), from: z.string(), to: z.string() }),
  z.strictObject({ action: z.literal("declare_keys"), keys: z.array(z.string()) }),
  z.strictObject({ action: z.literal("set_secrets"), keys: z.array(z.string()) }),
  z.strictObject({ action: z.literal("deploy") }),
  z.strictObject({ action: z.literal("await"), deploymentId: z.string(), version: z.int() }),
  z.strictObject({ action: z.literal("activate"), deploymentId: z.string(), version: z.int() }),
]);
const plannedEntrySchema = z.strictObject({ id: z.string(), agent: z.string(), digest: z.string(), changes: z.array(changeSchema) });
const planSchema = z.strictObject({
  planVersion: z.literal("1"),
  project: z.string(),
  env: z.string(),
  artifactDigest: z.string(),
  apiUrl: z.string(),
  stateHash: z.string(),
  entries: z.array(plannedEntrySchema),
});

/** One step towards an entry; the order within an entry is the order of the steps. */
export type Change = z.output<typeof changeSchema>;
export type PlannedEntry = z.output<typeof plannedEntrySchema>;
/** What `plan --out` writes. Holds names of secrets, never a value. */
export type Plan = z.output<typeof planSchema>;

export interface GivenSecrets {
  /** Names in the file of `--secret-env`. */
  file: ReadonlySet<string>;
  /** Whether the environment has a value. */
  environment: (name: string) => boolean;
}

/** What would have to change for one entry to serve. Pure. */
export function planEntry(
  entry: ArtifactEntry,
  manifest: AgentManifest,
  state: AgentState | null,
  given: GivenSecrets,
  path: string,
): { planned: PlannedEntry; findings: Finding[] } {
  const findings: Finding[] = [];
  const changes: Change[] = [];
  const required = entry.required_secret_env ?? [];
  const keys = [...new Set([...manifest.env.requiredKeys, ...manifest.env.optionalKeys, ...required])];
  if (state === null) changes.push({ action: "create_agent", runtime: manifest.runtime });
  else {
    if (state.isDisabled)
      findings.push(finding("APPLY_AGENT_DISABLED", { path: `${path}.agent`, message: `The agent ${shown(entry.agent)} is disabled.` }));
    if (state.runtime !== manifest.runtime) {
      if (state.activeDeploymentId === null) changes.push({ action: "change_runtime", from: state.runtime, to: manifest.runtime });
      else
        findings.push(
          finding("APPLY_RUNTIME_CONFLICT", {
            path: `${path}.agent`,
            message: `The agent ${shown(entry.agent)} serves on ${state.runtime}; the payload is for ${manifest.runtime}.`,
          }),
        );
    }
    const undeclared = keys.filter((key) => !state.envVarKeys.includes(key));
    if (undeclared.length > 0) changes.push({ action: "declare_keys", keys: undeclared });
  }
  const unset = keys.filter((key) => state === null || !state.secretsSet.includes(key));
  const settable = unset.filter((key) => given.file.has(key) || (required.includes(key) && given.environment(key)));
  for (const name of required)
    if (unset.includes(name) && !settable.includes(name))
      findings.push(
        finding("APPLY_SECRET_MISSING", {
          path: `${path}.required_secret_env`,
          message: `${name} has no value for the agent ${shown(entry.agent)}.`,
        }),
      );
  if (settable.length > 0) changes.push({ action: "set_secrets", keys: settable });
  changes.push(...route(state));
  return { planned: { id: entry.id, agent: entry.agent, digest: entry.payload.digest, changes }, findings };
}

/** A payload that is there already is not deployed twice. */
function route(state: AgentState | null): Change[] {
  if (state === null || state.deployment === null) return [{ action: "deploy" }];
  const { id, version, isRunning } = state.deployment;
  if (id === state.activeDeploymentId) return [];
  return [{ action: isRunning ? "await" : "activate", deploymentId: id, version }];
}

/** SHA-256 over the state in one canonical form: equal states have equal hashes, whatever order they were seen in. */
export function stateHash({ stack, agents }: ObservedState): string {
  const observed = {
    stack:
      stack === null
        ? null
        : {
            apiVersion: stack.apiVersion,
            mode: stack.mode,
            protocols: stack.protocols.toSorted(),
            components: stack.components
              .map((component) => ({ ...component, capabilities: component.capabilities.toSorted() }))
              .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
          },
    agents: Object.fromEntries(
      Object.entries(agents).map(([name, agent]) => [
        name,
        agent === null ? null : { ...agent, envVarKeys: agent.envVarKeys.toSorted(), secretsSet: agent.secretsSet.toSorted() },
      ]),
    ),
  };
  return `sha256:${createHash("sha256")
    .update(JSON.stringify(sortKeys(observed)))
    .digest("hex")}`;
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sortKeys(item)]),
  );
}

export function hasChanges(entries: readonly PlannedEntry[]): boolean {
  return entries.some(({ changes }) => changes.length > 0);
}

/** Why a plan that was made earlier does not hold any more; null when it does. Pure. */
export function comparePlans(made: Plan, now: Plan): Finding | null {
  const about = (code: "APPLY_PLAN_ARTIFACT" | "APPLY_STATE_MOVED", message: string) => finding(code, { path: "", message });
  if (made.artifactDigest !== now.artifactDigest)
    return about("APPLY_PLAN_ARTIFACT", "The plan was made for another manifest, or for an earlier state of this one.");
  if (made.apiUrl !== now.apiUrl) return about("APPLY_PLAN_ARTIFACT", `The plan was made for ${shown(made.apiUrl)}.`);
  if (made.stateHash !== now.stateHash)
    return about("APPLY_STATE_MOVED", "The stack, or an agent of the artifact, is not what it was when the plan was made.");
  if (JSON.stringify(sortKeys(made.entries)) !== JSON.stringify(sortKeys(now.entries)))
    return about("APPLY_STATE_MOVED", "With the values of secrets that are given now, something else would be done than the plan says.");
  return null;
}

/** Null for what is no plan. */
export function readPlan(text: string): Plan | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const parsed = planSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}
