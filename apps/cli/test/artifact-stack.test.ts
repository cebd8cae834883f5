/**
 * Artifacts applied to a whole stack: real database, identity service, API and workerd, with all that is asked written down.
 * Longer than a file usually is: one stack, which is slow to start, for all of it.
 */
import {
  createAgent,
  createToken,
  invokeAgent,
  listDeployments,
  listAgents,
  updateAgent,
  setUserTier,
  WhsClient,
  activateDeployment,
} from "@whs/api";
import { artifactId, payloadDigest } from "@whs/artifact/contract";
import { FREE_PORTS, type Stack, startStack } from "@whs/stack";
import { signUp } from "@whs/stack/testing";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type RecordingProxy, startRecordingProxy } from "./recording-proxy.ts";
import { artifactctl, type Ended } from "./run-artifactctl.ts";

const EXAMPLE = path.resolve(import.meta.dirname, "../../../examples/artifact");
const BIN = path.resolve(import.meta.dirname, "../bin");

// Several deploys in a test: their processes wait for a busy machine.
vi.setConfig({ testTimeout: 120_000, expect: { poll: { timeout: 60_000 } } });

let stack: Stack;
let dataDir: string;
let proxy: RecordingProxy;
let folder: string;
let client: WhsClient;
let email: string;
let env: Record<string, string>;

beforeAll(async () => {
  dataDir = mkdtempSync(path.join(tmpdir(), "whs-artifacts-"));
  // What all images of AgentCore stand on takes seconds to make, and is the same for everybody on this machine.
  const environment = {
    ...process.env,
    AGENTCORE_CACHE_DIR: path.resolve(import.meta.dirname, "../../../node_modules/.cache/whs-agentcore"),
  };
  stack = await startStack({ dataDir, ports: FREE_PORTS, environment, processes: ["identity", "supervisor", "agentcore", "whs"] });
  proxy = await startRecordingProxy(stack.endpoints.whs ?? "");
}, 120_000);
afterAll(async () => {
  await proxy?.close();
  await stack?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});
beforeEach(async () => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), "whs-artifact-")));
  ({ client, email } = await signUp(stack.endpoints));
  const { secret } = await client.call(createToken, { body: { name: "artifactctl" } });
  env = { WHS_API_URL: proxy.url, WHS_API_TOKEN: secret };
  proxy.seen.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]): Promise<Ended> => artifactctl(args, { cwd: folder, env });
const writes = (): string[] => proxy.seen.filter((request) => !request.startsWith("GET "));
const ask = async (name: string, prompt: string): Promise<string> => {
  const agent = await agentOf(name);
  return (await client.call(invokeAgent, { agentId: agent.id, body: { input: { prompt } } })).output.text;
};
const agentOf = async (name: string) => {
  const found = (await client.call(listAgents, {})).items.find((agent) => agent.name === name);
  if (found === undefined) throw new Error(`There is no agent ${name}.`);
  return found;
};
const versionsOf = async (name: string): Promise<number> =>
  (await client.call(listDeployments, { id: (await agentOf(name)).id })).items.length;

interface Agent {
  name: string;
  source: string;
  runtime?: "cloudflare" | "agentcore";
  requiredKeys?: string[];
}

/** Starts what reports versions again, with others. No other test demands certain ones. */
async function become(versions: string): Promise<void> {
  const changes = { WHS_REPORTED_VERSIONS: versions };
  await Promise.all([stack.processes.whs?.restart(changes), stack.processes.supervisor?.restart(changes)]);
}
let moves = 0;

const answering = (text: string): string => `export default { invoke: () => ${JSON.stringify(text)} };\n`;

/** Writes a right artifact of these agents, as a producer would. */
function writeArtifact(agents: readonly Agent[], runtimeStack?: unknown): void {
  const artifacts = agents.map(({ name, source, runtime = "cloudflare", requiredKeys = [] }) => {
    const config = { protocol: "invoke/v1", runtime, entrypoint: "agent.js", env: { requiredKeys, optionalKeys: [] } };
    const files = { "agent.config.json": JSON.stringify(config), "agent.js": source };
    const listed = Object.entries(files).map(([file, text]) => {
      mkdirSync(path.join(folder, name, "bundle"), { recursive: true });
      writeFileSync(path.join(folder, name, "bundle", file), text);
      return { path: file, sha256: createHash("sha256").update(text).digest("hex"), size: Buffer.byteLength(text) };
    });
    const template = { path: `${name}/agent.config.json` };
    return {
      id: artifactId(name, template),
      agent: name,
      artifact_root: `./${name}`,
      bundle: "bundle",
      payload: { digest: payloadDigest(listed), files: listed },
      required_secret_env: requiredKeys,
      source_template: template,
    };
  });
  const manifest = {
    schema_version: "1",
    project: "test",
    env: "dev",
    ...(runtimeStack === undefined ? {} : { runtime_stack: runtimeStack }),
    artifacts,
  };
  writeFileSync(path.join(folder, "artifact.yml"), JSON.stringify(manifest));
}

async function succeed(ended: Promise<Ended>): Promise<Ended> {
  const settled = await ended;
  expect(settled, settled.stdout + settled.stderr).toMatchObject({ exitCode: 0 });
  return settled;
}

describe("the example that was made by hand", () => {
  beforeEach(() => cpSync(EXAMPLE, folder, { recursive: true }));

  test("is checked, planned and deployed in its order, answers, and is not deployed twice", async () => {
    expect((await run("check")).exitCode).toBe(6);
    writeFileSync(path.join(folder, "secrets.env"), "SIGNATURE=Yours, Ada\nGREETING=Good morning\n");
    const secrets = ["--secret-env", "secrets.env"];
    const checked = await succeed(run("check", "--strict", "--json", ...secrets));
    expect(checked.json().findings).toEqual([]);
    expect((await run("plan", "--detailed-exitcode", ...secrets)).exitCode).toBe(2);
    expect(writes()).toEqual([]);

    const { stderr } = await succeed(run("deploy", ...secrets));
    expect(stderr).toMatch(/1 of 2: greeter[\s\S]*2 of 2: turn-counter/);
    expect(await ask("greeter", "you")).toBe("Good morning, you. Yours, Ada");
    expect(await ask("turn-counter", "you")).toBe("turn 1: you");

    proxy.seen.length = 0;
    const again = (await succeed(run("deploy", "--json"))).json();
    expect(again.results?.map(({ agent, status }) => [agent, status])).toEqual([
      ["greeter", "unchanged"],
      ["turn-counter", "unchanged"],
    ]);
    expect((await run("plan", "--detailed-exitcode")).exitCode).toBe(0);
    expect(writes()).toEqual([]);
  });

  test("is deployed from a folder that nobody can write to, by the installed program", async () => {
    const { stdout } = await promisify(execFile)(
      "bwrap",
      [
        "--dev-bind",
        "/",
        "/",
        "--ro-bind",
        folder,
        folder,
        "--chdir",
        folder,
        process.execPath,
        path.join(BIN, "artifactctl.mjs"),
        "deploy",
        "--json",
      ],
      { env: { PATH: process.env.PATH, ...env, SIGNATURE: "Ada" } },
    );
    const answer = JSON.parse(stdout) as { exitCode: number; results: { status: string }[] };
    expect(answer).toMatchObject({ exitCode: 0, results: [{ status: "applied" }, { status: "applied" }] });
    expect(await ask("greeter", "you")).toBe("Hello, you. Ada");
  });
});

describe("a deploy of several agents", () => {
  test("leaves the applied ones, names the rest, and goes on from there", async () => {
    writeArtifact([
      { name: "first", source: answering("1") },
      { name: "second", source: 'throw new Error("cannot start");\n' },
      { name: "third", source: answering("3") },
    ]);
    const half = await run("deploy", "--json");
    expect(half.exitCode).toBe(1);
    expect(half.json().results?.map(({ agent, status }) => [agent, status])).toEqual([
      ["first", "applied"],
      ["second", "failed"],
      ["third", "not_applied"],
    ]);
    expect(half.json().findings).toMatchObject([
      { code: "APPLY_DEPLOYMENT_FAILED", contract: "apply", path: "artifacts[1]", message: expect.stringContaining("second") },
    ]);
    expect(await ask("first", "x")).toBe("1");
    await expect(agentOf("third")).rejects.toThrow("no agent third");

    writeArtifact([
      { name: "first", source: answering("1") },
      { name: "second", source: answering("2") },
      { name: "third", source: answering("3") },
    ]);
    const whole = (await succeed(run("deploy", "--json"))).json();
    expect(whole.results?.map(({ agent, status }) => [agent, status])).toEqual([
      ["first", "unchanged"],
      ["second", "applied"],
      ["third", "applied"],
    ]);
    expect(await versionsOf("first")).toBe(1);
    expect([await ask("second", "x"), await ask("third", "x")]).toEqual(["2", "3"]);
  });
});

test("a project with agents of both runtimes is applied in its order, goes on after a failure in the middle, and answers on both", async () => {
  const operator = new WhsClient({ baseUrl: stack.endpoints.whs ?? "", token: stack.secrets.WHS_OPERATOR_TOKEN });
  await operator.call(setUserTier, { emailOrExternalId: email, body: { tier: "enterprise" } });
  const counting =
    "export default { async invoke({ session }) { const n = (await session.storage.get('n') ?? 0) + 1; await session.storage.put('n', n); return `turn ${n}`; } };\n";
  const project = (third: string): Agent[] => [
    { name: "near", source: counting },
    { name: "far", source: counting, runtime: "agentcore" },
    { name: "between", source: third },
    { name: "farther", source: answering("far away"), runtime: "agentcore" },
  ];
  writeArtifact(project('throw new Error("cannot start");\n'));
  const half = await run("deploy", "--json");
  expect(half.exitCode).toBe(1);
  expect(half.json().results?.map(({ agent, status }) => [agent, status])).toEqual([
    ["near", "applied"],
    ["far", "applied"],
    ["between", "failed"],
    ["farther", "not_applied"],
  ]);
  expect(half.json().findings).toMatchObject([{ code: "APPLY_DEPLOYMENT_FAILED", path: "artifacts[2]" }]);
  await expect(agentOf("farther")).rejects.toThrow("no agent farther");

  writeArtifact(project(answering("mended")));
  const whole = await succeed(run("deploy", "--json"));
  expect(whole.json().results?.map(({ agent, status }) => [agent, status])).toEqual([
    ["near", "unchanged"],
    ["far", "unchanged"],
    ["between", "applied"],
    ["farther", "applied"],
  ]);
  const { items } = await client.call(listAgents, {});
  expect(Object.fromEntries(items.map(({ name, runtimeProvider }) => [name, runtimeProvider]))).toEqual({
    near: "cloudflare",
    far: "agentcore",
    between: "cloudflare",
    farther: "agentcore",
  });
  for (const name of ["near", "far"]) {
    const { id: agentId } = await agentOf(name);
    const { sessionId, output } = await client.call(invokeAgent, { agentId, body: { input: { prompt: "x" } } });
    const next = await client.call(invokeAgent, {
      agentId,
      body: { input: { prompt: "x" }, ...(sessionId === undefined ? {} : { sessionId }) },
    });
    expect([output.text, next.output.text], name).toEqual(["turn 1", "turn 2"]);
  }
  expect([await ask("between", "x"), await ask("farther", "x")]).toEqual(["mended", "far away"]);
});

test("a deploy that is killed while an agent is being deployed goes on from there, and deploys nothing twice", async () => {
  writeArtifact([
    { name: "interrupted", source: answering("1") },
    { name: "afterwards", source: answering("2") },
  ]);
  const child = spawn(process.execPath, [path.join(BIN, "artifactctl.mjs"), "deploy"], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
    stdio: "ignore",
  });
  const ended = once(child, "exit");
  await expect.poll(() => writes().filter((request) => request.endsWith("/deployments")).length).toBe(1);
  child.kill("SIGKILL");
  await ended;
  await expect.poll(() => versionsOf("interrupted")).toBe(1);
  const { json } = await succeed(run("deploy", "--json"));
  expect(json().results?.map(({ agent }) => agent)).toEqual(["interrupted", "afterwards"]);
  expect(await Promise.all([ask("interrupted", "x"), ask("afterwards", "x")])).toEqual(["1", "2"]);
  expect(await Promise.all([versionsOf("interrupted"), versionsOf("afterwards")])).toEqual([1, 1]);
});

describe("a plan", () => {
  beforeEach(() => writeArtifact([{ name: "planned", source: answering("new") }], { api_version: "1.0" }));
  const expectRefusalAfter = async (move: () => Promise<unknown> | void): Promise<void> => {
    await succeed(run("plan", "--out", "plan.json"));
    await move();
    proxy.seen.length = 0;
    const { exitCode, json } = await run("deploy", "--plan", "plan.json", "--json");
    expect(json().findings.map(({ code }) => code)).toEqual(["APPLY_STATE_MOVED"]);
    expect(exitCode).toBe(1);
    expect(writes()).toEqual([]);
  };

  test("is applied as it was made while nothing has moved", async () => {
    await succeed(run("plan", "--out", "plan.json"));
    await succeed(run("deploy", "--plan", "plan.json"));
    expect(await ask("planned", "x")).toBe("new");
  });

  test("is refused when somebody made the agent in between", () =>
    expectRefusalAfter(() => client.call(createAgent, { body: { name: "planned", runtimeProvider: "cloudflare" } })));

  test("is refused when the agent was changed in between", async () => {
    const { agent } = await client.call(createAgent, { body: { name: "planned", runtimeProvider: "cloudflare" } });
    await expectRefusalAfter(() => client.call(updateAgent, { id: agent.id, body: { envVarKeys: ["NEW"] } }));
  });

  test("is refused for a manifest that was changed in between", async () => {
    await succeed(run("plan", "--out", "plan.json"));
    writeArtifact([{ name: "planned", source: answering("newer") }], { api_version: "1.0" });
    proxy.seen.length = 0;
    const { exitCode, json } = await run("deploy", "--plan", "plan.json", "--json");
    expect([exitCode, json().findings.map(({ code }) => code)]).toEqual([1, ["APPLY_PLAN_ARTIFACT"]]);
    expect(writes()).toEqual([]);
  });

  test("does not help a file that was tampered with in between", async () => {
    await succeed(run("plan", "--out", "plan.json"));
    writeFileSync(path.join(folder, "planned/bundle/agent.js"), answering("evil"));
    proxy.seen.length = 0;
    const { exitCode, json } = await run("deploy", "--plan", "plan.json", "--json");
    expect([exitCode, json().findings.map(({ code }) => code)]).toEqual([3, ["PAYLOAD_DIGEST_MISMATCH"]]);
    expect(proxy.seen).toEqual([]);
  });

  test("that is none is refused", async () => {
    writeFileSync(path.join(folder, "plan.json"), '{ "planVersion": "9" }');
    const { exitCode, json } = await run("deploy", "--plan", "plan.json", "--json");
    expect([exitCode, json().findings.map(({ code }) => code), writes()]).toEqual([1, ["APPLY_PLAN_INVALID"], []]);
  });
});

test("a payload that was rolled back serves again without being deployed again", async () => {
  writeArtifact([{ name: "swinger", source: answering("one") }]);
  await succeed(run("deploy"));
  const one = (await agentOf("swinger")).activeDeploymentId ?? "";
  writeArtifact([{ name: "swinger", source: answering("two") }]);
  await succeed(run("deploy"));
  expect(await ask("swinger", "x")).toBe("two");
  await client.call(activateDeployment, { id: (await agentOf("swinger")).id, deploymentId: one, body: {} });
  proxy.seen.length = 0;
  await succeed(run("deploy"));
  expect(writes()).toEqual([expect.stringMatching(/^POST .+\/activate$/)]);
  expect([await ask("swinger", "x"), await versionsOf("swinger")]).toEqual(["two", 2]);
});

test("a stack that became other versions refuses the plans made before, and is held to them by every command, strict or not", async () => {
  writeArtifact([{ name: "picky", source: answering("x") }], { components: { gateway: "*" } });
  await succeed(run("plan", "--out", "plan.json"));
  await become(`gateway=1.4.${++moves},provisioner=1.4.0,agent=1.6.2,runtime-node=3.0.1`);
  const refused = await run("deploy", "--plan", "plan.json", "--json");
  expect([refused.exitCode, refused.json().findings.map(({ code }) => code)]).toEqual([1, ["APPLY_STATE_MOVED"]]);
  const outcomes = async (demands: unknown, commands: string[]) => {
    writeArtifact([{ name: "picky", source: answering("x") }], demands);
    const ended = await Promise.all(commands.map((command) => run(...command.split(" "), "--json")));
    return new Set(ended.map(({ exitCode, json }) => [exitCode, ...json().findings.map(({ code }) => code)].join(" ")));
  };
  const met = { gateway: "^1.4", provisioner: "1.4.0", agent: ">=1.5 <2", "runtime-node": "~3.0" };
  for (const demands of [{ mode: "local", components: met }, { capabilities: ["streaming", "sessions"] }])
    expect(await outcomes(demands, ["check", "check --strict", "plan --strict"])).toEqual(new Set(["0"]));
  for (const [code, demands] of [
    ["STACK_COMPONENT_RANGE", { components: { gateway: "^1.5" } }],
    ["STACK_COMPONENT_RANGE", { components: { agent: "<1.6" } }],
    ["STACK_API_VERSION_MINOR", { api_version: "1.9" }],
  ] as const) {
    expect(await outcomes(demands, ["check", "plan"]), code).toEqual(new Set([`0 ${code}`]));
    expect(await outcomes(demands, ["check --strict", "plan --strict", "deploy --strict"]), code).toEqual(new Set([`4 ${code}`]));
  }
  for (const [code, demands] of [
    ["STACK_COMPONENT_MAJOR", { components: { gateway: "^2.0" } }],
    ["STACK_COMPONENT_MAJOR", { components: { "runtime-node": "^1.0" } }],
    ["STACK_API_VERSION_MAJOR", { api_version: "2.0" }],
    ["STACK_MODE_MISMATCH", { mode: "cloud" }],
    ["STACK_CAPABILITY_MISSING", { capabilities: ["time-travel"] }],
  ] as const)
    expect(await outcomes(demands, ["check", "check --strict", "plan", "deploy"]), code).toEqual(new Set([`4 ${code}`]));
  expect(writes()).toEqual([]);
  writeArtifact([{ name: "picky", source: answering("took it") }], { components: { gateway: "^1.5" } });
  const { json } = await succeed(run("deploy", "--json"));
  expect(json().findings.map(({ code }) => code)).toEqual(["STACK_COMPONENT_RANGE"]);
  expect(await ask("picky", "x")).toBe("took it");
});

test("what whs builds, artifactctl applies, byte for byte the same from the same sources", async () => {
  for (const name of ["echo", "session-counter"]) cpSync(path.resolve(EXAMPLE, "..", name), path.join(folder, name), { recursive: true });
  const build = () =>
    promisify(execFile)(
      process.execPath,
      [path.join(BIN, "whs.mjs"), "build", "--artifact", "session-counter", "echo", "--project", "pair", "--env", "test"],
      {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: folder },
      },
    );
  await build();
  const file = path.join(folder, "dist/artifact/artifact.yml");
  const first = readFileSync(file, "utf8");
  await build();
  expect(readFileSync(file, "utf8")).toBe(first);
  const { json } = await succeed(run("deploy", "--json", "--strict", "--artifact", "dist/artifact/artifact.yml"));
  expect(json().results?.map(({ agent, status }) => [agent, status])).toEqual([
    ["session-counter", "applied"],
    ["echo", "applied"],
  ]);
  expect(await ask("echo", "hello")).toContain("hello");
  writeFileSync(path.join(folder, "echo/src/agent.ts"), 'export default { invoke: () => "changed" };\n');
  await build();
  const changed = (await succeed(run("deploy", "--json", "--artifact", "dist/artifact/artifact.yml"))).json();
  expect(changed.results?.map(({ status }) => status)).toEqual(["unchanged", "applied"]);
  expect(await ask("echo", "hello")).toBe("changed");
});
