import { agentManifestSchema } from "@whs/artifact";
import { describe, expect, test } from "vitest";
import type { BuiltBundle, DeployInput } from "../../port.ts";
import { agentScript, sessionsScript } from "./agent-script.ts";
import type { OwnWorkers } from "./own-workers.ts";

const workers: OwnWorkers = { dispatch: "", tail: "", sessions: "/* sessions */", shim: "/* shim */", guard: "/* guard */", build: "b1" };
const modules: BuiltBundle["modules"] = { "main.js": { type: "esm", text: "export default {}" } };
const manifest = (over: Record<string, unknown> = {}) =>
  agentManifestSchema.parse({
    protocol: "invoke/v1",
    runtime: "cloudflare",
    entrypoint: "main.js",
    capabilities: { streaming: true, tools: false },
    ...over,
  });
const input = (over: Partial<DeployInput> = {}): DeployInput => ({
  userId: "usr_1",
  agentId: "agt_1",
  deploymentId: "dep_1",
  version: 3,
  manifest: manifest(),
  bundle: { mainModule: "main.js", modules, checksum: "sha256:1" },
  secrets: { revision: 4, refs: {} },
  entitlements: { agentcoreEnabled: false, codeInterpreterEnabled: false, browserEnabled: false },
  telemetry: { rootKeyId: "1", keyVersion: 1 },
  ...over,
});
const record = {
  userId: "usr_1",
  agentId: "agt_1",
  deploymentId: "dep_1",
  version: 3,
  sessionful: true,
  checksum: "sha256:1",
  script: "whs-x-dep_1",
  secretsRevision: 4,
  telemetry: { rootKeyId: "1", keyVersion: 1 },
  loaded: false,
};
const around = { workers, secrets: { API_KEY: "value" }, namespace: "whs", tail: "whs-tail", dispatch: "whs-dispatch", cpuMs: 1000 };
const script = (over: Partial<DeployInput> = {}, sessionful = true) => agentScript(input(over), { ...record, sessionful }, around);

describe("an agent's script", () => {
  test("has the agent's secrets as secrets, its sessions in another script, a way to other agents, and nothing else of ours", () => {
    expect(script().metadata.bindings).toEqual([
      { type: "secret_text", name: "API_KEY", text: "value" },
      { type: "secret_text", name: "WHS_REVISION", text: "4" },
      { type: "service", name: "WHS_CALLS", service: "whs-dispatch", entrypoint: "AgentCalls" },
      {
        type: "durable_object_namespace",
        name: "WHS_SESSIONS",
        class_name: "Session",
        script_name: expect.stringMatching(/^whs-[0-9a-f]{12}-agt_1-sessions$/),
        dispatch_namespace: "whs",
      },
    ]);
    expect(script({}, false).metadata.bindings?.map(({ name }) => name)).toEqual(["API_KEY", "WHS_REVISION", "WHS_CALLS"]);
    expect("migrations" in script().metadata).toBe(false);
  });

  test("is tagged, bounded, watched, and sends its logs to the tail Worker", () => {
    expect(script().metadata).toMatchObject({
      main_module: "whs-shim.js",
      tags: ["whs", "user-usr_1", "agent-agt_1", "deployment-dep_1", "version-3", "build-b1"],
      tail_consumers: [{ service: "whs-tail" }],
      observability: { enabled: true },
      limits: { cpu_ms: 1000 },
    });
  });

  test("runs at the author's date and with the author's flags, and always with those that the shim needs", () => {
    expect(script({ compatibilityDate: "2026-01-01", compatibilityFlags: ["nodejs_als"] }).metadata).toMatchObject({
      compatibility_date: "2026-01-01",
      compatibility_flags: ["nodejs_als", "enable_request_signal", "request_signal_passthrough"],
    });
    expect(script().metadata.compatibility_flags).toContain("nodejs_compat");
    expect(() => script({ compatibilityDate: "2999-01-01" })).toThrow(/2999-01-01/);
  });

  test("evaluates the guard before the agent's own module", () => {
    const agent = script().modules.find(({ name }) => name === "whs-agent.js")?.content as string;
    expect(agent.indexOf("whs-guard.js")).toBeGreaterThan(-1);
    expect(agent.indexOf("whs-guard.js")).toBeLessThan(agent.indexOf("./main.js"));
  });

  test("carries JSON as a module that exports it, whatever is in it", async () => {
    const text = '{ "__proto__": { "x": 1 }, "\u2028": "</script>" }';
    const bundle = { mainModule: "main.js", checksum: "", modules: { ...modules, "d.json": { type: "json" as const, text } } };
    const module = script({ bundle }).modules.find(({ name }) => name === "d.json");
    expect(module?.type).toBe("application/javascript+module");
    const loaded = (await import(`data:text/javascript,${encodeURIComponent(String(module?.content))}`)) as { default: object };
    expect(Object.keys(loaded.default)).toEqual(Object.keys(JSON.parse(text) as object));
  });

  test.each([
    [{ "main.js": { type: "esm", text: "" }, "whs-guard.js": { type: "esm", text: "" } }, /whs-guard\.js/],
    [{ "main.js": { type: "text", text: "" } }, /main\.js/],
    [{ "main.js": { type: "esm", text: "" }, "broken.json": { type: "json", text: "{" } }, /broken\.json/],
  ] as const)("refuses a bundle by the name of the module %#", (broken, named) => {
    expect(() => script({ bundle: { mainModule: "main.js", checksum: "", modules: broken } })).toThrow(named);
  });
});

test("the sessions' script holds no code of the author's, and makes its class once", () => {
  const first = sessionsScript(record, workers, {});
  expect(first.metadata).toMatchObject({ migrations: { new_tag: "v1", new_sqlite_classes: ["Session"] } });
  expect(first.modules.map(({ name, content }) => [name, content])).toEqual([["sessions.js", "/* sessions */"]]);
  expect("migrations" in sessionsScript(record, workers, { migrationTag: "v1" }).metadata).toBe(false);
});
