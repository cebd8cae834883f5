import { describe, expect, test } from "vitest";
import type { AgentManifest } from "../manifest.ts";
import { payloadVectors } from "../testing/vectors.ts";
import {
  type AgentState,
  type ArtifactEntry,
  comparePlans,
  hasChanges,
  type ObservedState,
  type Plan,
  planEntry,
  readPlan,
  stateHash,
} from "./index.ts";

const [bot, triage] = payloadVectors.base.manifest.artifacts as [ArtifactEntry, ArtifactEntry];
const manifest = (runtime: AgentManifest["runtime"], requiredKeys: string[] = [], optionalKeys: string[] = []): AgentManifest => ({
  protocol: "invoke/v1",
  runtime,
  entrypoint: "agent.js",
  sessionful: true,
  env: { requiredKeys, optionalKeys },
  capabilities: { streaming: false, tools: false },
});
const own = manifest("cloudflare", ["OPENAI_API_KEY"], ["TONE"]);
const nothing = { file: new Set<string>(), environment: () => false };
const serving: AgentState = {
  id: "agt_1",
  runtime: "cloudflare",
  isDisabled: false,
  activeDeploymentId: "dep_2",
  envVarKeys: ["OPENAI_API_KEY", "TONE"],
  secretsSet: ["OPENAI_API_KEY"],
  deployment: { id: "dep_2", version: 2, isRunning: false },
};
const steps = (state: AgentState | null, given: Parameters<typeof planEntry>[3] = nothing, agent = own) => {
  const { planned, findings } = planEntry(bot, agent, state, given, "artifacts[0]");
  return { changes: planned.changes, codes: findings.map(({ code }) => code) };
};

describe("an entry", () => {
  test("that serves already needs nothing", () => {
    expect(steps(serving)).toEqual({ changes: [], codes: [] });
    expect(hasChanges([planEntry(bot, own, serving, nothing, "").planned])).toBe(false);
  });

  test("whose agent is missing is created, gets its secrets and is deployed, in this order", () => {
    expect(steps(null, { file: new Set(["OPENAI_API_KEY", "TONE", "UNRELATED"]), environment: () => false })).toEqual({
      changes: [
        { action: "create_agent", runtime: "cloudflare" },
        { action: "set_secrets", keys: ["OPENAI_API_KEY", "TONE"] },
        { action: "deploy" },
      ],
      codes: [],
    });
  });

  test("takes from the environment what it requires, and nothing else", () => {
    expect(steps(null, { file: new Set(), environment: () => true }).changes[1]).toEqual({
      action: "set_secrets",
      keys: ["OPENAI_API_KEY"],
    });
  });

  test("leaves a secret that is set as it is", () => {
    expect(steps(serving, { file: new Set(["OPENAI_API_KEY"]), environment: () => true }).changes).toEqual([]);
  });

  test("declares what the agent does not know yet", () => {
    expect(steps({ ...serving, envVarKeys: ["OPENAI_API_KEY"] }).changes).toEqual([{ action: "declare_keys", keys: ["TONE"] }]);
  });

  test("without a value for a secret that it requires is refused by its name", () => {
    expect(steps({ ...serving, secretsSet: [] })).toEqual({ changes: [], codes: ["APPLY_SECRET_MISSING"] });
  });

  test("whose payload is there, but does not serve, is activated and not deployed again", () => {
    expect(steps({ ...serving, activeDeploymentId: "dep_3" }).changes).toEqual([{ action: "activate", deploymentId: "dep_2", version: 2 }]);
  });

  test("whose payload is being deployed is waited for", () => {
    const deployment = { id: "dep_4", version: 4, isRunning: true };
    expect(steps({ ...serving, deployment }).changes).toEqual([{ action: "await", deploymentId: "dep_4", version: 4 }]);
  });

  test("whose agent is disabled is refused", () => {
    expect(steps({ ...serving, isDisabled: true }).codes).toEqual(["APPLY_AGENT_DISABLED"]);
  });

  test("for the other runtime is refused while the agent serves, and moves it before it ever did", () => {
    const other = manifest("agentcore", ["OPENAI_API_KEY"]);
    expect(steps(serving, nothing, other).codes).toEqual(["APPLY_RUNTIME_CONFLICT"]);
    const idle = { ...serving, activeDeploymentId: null, deployment: null };
    expect(steps(idle, nothing, other)).toEqual({
      changes: [{ action: "change_runtime", from: "cloudflare", to: "agentcore" }, { action: "deploy" }],
      codes: [],
    });
  });

  test("of a project with both runtimes is created on its own", () => {
    const runtimes = [
      planEntry(bot, own, null, { ...nothing, environment: () => true }, ""),
      planEntry(triage, manifest("agentcore"), null, nothing, ""),
    ];
    expect(runtimes.map(({ planned }) => planned.changes[0])).toEqual([
      { action: "create_agent", runtime: "cloudflare" },
      { action: "create_agent", runtime: "agentcore" },
    ]);
  });
});

describe("the hash of a state", () => {
  const component = (name: string, version: string) => ({ name, version, status: "up" as const, capabilities: ["b", "a"] });
  const state: ObservedState = {
    stack: { apiVersion: "1.0", mode: "local", protocols: ["x"], components: [component("gateway", "1.0.0"), component("agent", "1.0.0")] },
    agents: { one: serving, two: null },
  };

  test("does not depend on the order in which things were seen", () => {
    const seen: ObservedState = {
      stack: { ...state.stack!, components: state.stack!.components.toReversed().map((item) => ({ ...item, capabilities: ["a", "b"] })) },
      agents: { two: null, one: { ...serving, envVarKeys: serving.envVarKeys.toReversed() } },
    };
    expect(stateHash(seen)).toBe(stateHash(state));
  });

  test.each<[string, ObservedState]>([
    [
      "a component's version",
      { ...state, stack: { ...state.stack!, components: [component("gateway", "1.0.1"), component("agent", "1.0.0")] } },
    ],
    ["a component that is gone", { ...state, stack: { ...state.stack!, components: [component("gateway", "1.0.0")] } }],
    ["a stack that cannot be seen", { ...state, stack: null }],
    ["an agent that was made", { ...state, agents: { ...state.agents, two: { ...serving, id: "agt_2" } } }],
    ["the deployment that serves", { ...state, agents: { ...state.agents, one: { ...serving, activeDeploymentId: "dep_9" } } }],
    ["a secret that was set", { ...state, agents: { ...state.agents, one: { ...serving, secretsSet: [] } } }],
  ])("changes with %s", (_, moved) => {
    expect(stateHash(moved)).not.toBe(stateHash(state));
  });
});

describe("a plan that was written", () => {
  const plan: Plan = {
    planVersion: "1",
    project: "desk",
    env: "dev",
    artifactDigest: "sha256:a",
    apiUrl: "http://127.0.0.1:1",
    stateHash: "sha256:b",
    entries: [planEntry(bot, own, serving, nothing, "").planned],
  };

  test("is read as it was written, and holds while nothing has moved", () => {
    const read = readPlan(JSON.stringify(plan));
    expect(read).toEqual(plan);
    expect(comparePlans(plan, plan)).toBeNull();
  });

  test.each([
    ["artifactDigest", "APPLY_PLAN_ARTIFACT"],
    ["apiUrl", "APPLY_PLAN_ARTIFACT"],
    ["stateHash", "APPLY_STATE_MOVED"],
  ] as const)("does not hold with another %s", (field, code) => {
    expect(comparePlans(plan, { ...plan, [field]: "another" })?.code).toBe(code);
  });

  test("does not hold where something else would be done", () => {
    expect(
      comparePlans(plan, { ...plan, entries: [planEntry(bot, own, null, { ...nothing, environment: () => true }, "").planned] })?.code,
    ).toBe("APPLY_STATE_MOVED");
  });
});
