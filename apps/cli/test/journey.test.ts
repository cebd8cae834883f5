/** What people do with `whs`, on a whole stack: real database, identity service, API and workerd. */
import { FREE_PORTS, startStack, type Stack } from "@whs/stack";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRunner, type Outcome, type Runner, type RunWhs, type StartWhs } from "./run-whs.ts";

const PASSWORD = "correct horse battery staple";
const EXAMPLES = path.resolve(import.meta.dirname, "../../../examples");
const DEADLINE_MS = 60_000;

let stack: Stack;
let dataDir: string;
let runner: Runner;

beforeAll(async () => {
  dataDir = mkdtempSync(path.join(tmpdir(), "whs-journey-"));
  stack = await startStack({ dataDir, ports: FREE_PORTS, processes: ["identity", "supervisor", "whs"] });
}, 120_000);
afterAll(async () => {
  await stack?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});
beforeEach(() => (runner = createRunner()));
afterEach(() => runner.remove());

const identity = (): string => stack.endpoints.identity ?? "";
const whs = (): string => stack.endpoints.whs ?? "";

interface Person {
  email: string;
  cookie: string;
  jwt: string;
}

/** A new account at the identity service, over HTTP alone. */
async function signUp(): Promise<Person> {
  const email = `${randomBytes(6).toString("hex")}@example.com`;
  const signedUp = await fetch(`${identity()}/api/auth/sign-up/email`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password: PASSWORD, name: "Ada" }),
  });
  expect(signedUp.status, await signedUp.text()).toBe(200);
  const cookie = signedUp.headers
    .getSetCookie()
    .map((header) => header.split(";", 1)[0])
    .join("; ");
  const { token } = (await (await fetch(`${identity()}/api/auth/token`, { headers: { cookie } })).json()) as { token: string };
  return { email, cookie, jwt: token };
}

/** `whs` as a new person with an API token in the environment. */
async function asNewPerson(): Promise<{ run: RunWhs; start: StartWhs }> {
  const { jwt } = await signUp();
  const { stdout } = await runner.run(["tokens", "create", "test"], { env: { WHS_API_URL: whs(), WHS_API_TOKEN: jwt } });
  const env = { WHS_API_URL: whs(), WHS_API_TOKEN: stdout.trim() };
  return {
    run: (args, options = {}) => runner.run(args, { ...options, env }),
    start: (args, options = {}) => runner.start(args, { ...options, env }),
  };
}

async function succeed(outcome: Promise<Outcome>): Promise<Outcome> {
  const settled = await outcome;
  expect(settled, settled.stderr).toMatchObject({ exitCode: 0 });
  return settled;
}

function changeManifest(folder: string, change: (manifest: Record<string, unknown>) => void): void {
  const file = path.join(folder, "agent.config.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  change(manifest);
  writeFileSync(file, JSON.stringify(manifest, null, 2));
}

/** Runs the text of a module where this repository's packages can be imported. @returns what it printed */
async function runModule(text: string, env: Record<string, string>): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", text], {
    cwd: import.meta.dirname,
    env,
  });
  return stdout;
}

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error("It did not happen in time.");
    await delay(20);
  }
}

test("a new agent gets its secret, is deployed, answers, is changed and rolled back", async () => {
  const { run, start } = await asNewPerson();
  await succeed(start(["init", "greeter"]));
  const folder = path.join(runner.folder, "greeter");
  const source = (greeting: string) =>
    `import { defineAgent } from "@whs/agent";
export default defineAgent({
  async *invoke({ messages, session, env }) {
    const turn = ((await session.storage.get<number>("turn")) ?? 0) + 1;
    await session.storage.put("turn", turn);
    console.log("greeting", messages.length);
    yield \`${greeting} \`;
    yield \`\${messages.at(-1)?.content}, \${env.SIGNATURE?.length}, turn \${turn}\`;
  },
});
`;
  writeFileSync(path.join(folder, "src/agent.ts"), source("Hello"));
  changeManifest(folder, (manifest) =>
    Object.assign(manifest, { sessionful: true, env: { requiredKeys: ["SIGNATURE"], optionalKeys: [] } }),
  );

  const early = await start(["deploy", "greeter"]);
  expect(early).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("whs secrets set greeter SIGNATURE") });
  await succeed(start(["secrets", "set", "greeter", "SIGNATURE"], { input: "seven77\n" }));
  expect((await succeed(run(["secrets", "list", "greeter"]))).stdout).toMatch(/SIGNATURE\s+yes/);

  expect((await succeed(start(["deploy", "--wait"], { cwd: folder }))).stdout).toContain("Version 1 of greeter serves now.");
  expect((await succeed(run(["invoke", "greeter", "you", "there"]))).stdout).toBe("Hello you there, 7, turn 1\n");
  expect((await succeed(start(["invoke", "greeter", "you", "--stream"]))).stdout).toBe("Hello you, 7, turn 1\n");
  const first = (await succeed(start(["invoke", "greeter", "one", "--json"]))).json<{ sessionId: string; traceId: string }>();
  expect((await succeed(start(["invoke", "greeter", "--session", first.sessionId], { input: "two" }))).stdout).toBe(
    "Hello two, 7, turn 2\n",
  );

  writeFileSync(path.join(folder, "src/agent.ts"), source("Good evening"));
  await succeed(run(["deploy", "greeter", "--agent", "greeter"]));
  expect((await succeed(run(["invoke", "greeter", "you"]))).stdout).toBe("Good evening you, 7, turn 1\n");
  expect((await succeed(run(["invoke", "greeter", "three", "--session", first.sessionId]))).stdout).toBe("Good evening three, 7, turn 3\n");
  await succeed(run(["rollback", "greeter"]));
  expect((await succeed(run(["invoke", "greeter", "you"]))).stdout).toBe("Hello you, 7, turn 1\n");
  expect((await succeed(run(["deployments", "list", "greeter"]))).stdout).toMatch(/v2\s+rolled_back[\s\S]*v1\s+active\s+yes/);
  await succeed(run(["rollback", "greeter", "v2"]));
  await eventually(async () => ((await run(["sessions", "list", "greeter"])).stdout.includes(first.sessionId) ? true : undefined));
  await succeed(run(["sessions", "end", "greeter", first.sessionId]));
  expect((await succeed(run(["sessions", "list", "greeter"]))).stdout).not.toContain(first.sessionId);

  const used = (await succeed(run(["usage", "--json"]))).json<{ totals: { requests: number } }>();
  expect(used.totals.requests).toBe(7);
  expect((await succeed(run(["usage"]))).stdout).toContain("estimated");
  expect((await succeed(run(["metrics", "greeter"]))).stdout).toContain("estimated");
  const log = await eventually(async () => {
    const { stdout } = await succeed(run(["logs", "greeter", "--deployment", "v1"]));
    return stdout.includes("greeting 1") ? stdout : undefined;
  });
  expect(log).toContain("Version 1 is deployed.");
  expect((await succeed(run(["trace", first.traceId]))).stdout).toMatch(/outcome\s+200/);
  await succeed(run(["agents", "disable", "greeter"]));
  expect(await run(["invoke", "greeter", "you"])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("whs agents enable greeter"),
  });
  expect((await succeed(run(["agents", "list", "--search", "GREET", "--status", "disabled"]))).stdout).toContain("greeter");
  await succeed(run(["agents", "enable", "greeter"]));
  await succeed(run(["agents", "delete", "greeter"]));
  expect((await run(["agents", "get", "greeter"])).exitCode).toBe(1);
}, 120_000);

describe("the examples", () => {
  test.each([
    ["echo", "Hello", /^Hello\n$/],
    ["session-counter", "Hello", /^turn 1: Hello\n$/],
    ["streaming-writer", "a robot", /^Once there was a robot\. .* everyone\.\n$/],
    ["hono", "Hello", /^Hono heard: Hello\n$/],
    ["ai-sdk", "Why?", /^You asked: Why\?\n$/],
  ])("%s runs as it lies in the repository, streamed and not", async (example, message, answer) => {
    const { run } = await asNewPerson();
    await succeed(run(["deploy", path.join(EXAMPLES, example)]));
    for (const flags of [[], ["--stream"]]) {
      const { stdout } = await succeed(run(["invoke", example, message, ...flags]));
      expect(stdout).toMatch(answer);
    }
  });

  test("front-desk asks the agents beside it", async () => {
    const { run } = await asNewPerson();
    await succeed(run(["deploy", path.join(EXAMPLES, "front-desk")]));
    expect((await succeed(run(["invoke", "front-desk", "Hello"]))).stdout).toContain("no agent named echo");
    await succeed(run(["deploy", path.join(EXAMPLES, "echo")]));
    expect((await succeed(run(["invoke", "front-desk", "Hello"]))).stdout).toBe("echo says: Hello\n");
  });

  test.each(["echo", "session-counter", "streaming-writer"])(
    "%s is a template whose copy runs with nothing installed",
    async (template) => {
      const { run } = await asNewPerson();
      await succeed(run(["init", "copy", "--template", template]));
      await succeed(run(["deploy", "copy"]));
      expect((await succeed(run(["invoke", "copy", "Hello"]))).stdout).toContain("Hello");
    },
  );
});

test("what agents connect prints runs as it is, by each client", async () => {
  const { jwt } = await signUp();
  const env = { WHS_API_URL: whs(), WHS_API_TOKEN: jwt };
  await succeed(runner.run(["deploy", path.join(EXAMPLES, "session-counter")], { env }));
  const { stdout: token } = await succeed(runner.run(["tokens", "create", "clients", "--scope", "invoke"], { env }));
  const said = await Promise.all(
    ["openai", "ai-sdk", "mcp", "a2a", "ag-ui"].map(async (client) => {
      const { stdout } = await succeed(runner.run(["agents", "connect", "session-counter", "--client", client], { env }));
      return runModule(stdout, { WHS_API_TOKEN: token.trim() });
    }),
  );
  expect(said).toEqual(said.map(() => expect.stringContaining("turn 1: Hello")));
}, 120_000);

test("chat keeps to one session", async () => {
  const { run, start } = await asNewPerson();
  await succeed(run(["deploy", path.join(EXAMPLES, "session-counter")]));
  expect((await succeed(start(["chat", "session-counter"], { input: "a\n\nb\n" }))).stdout).toBe(
    "turn 1: a\nturn 2: b (you began with: a)\n",
  );
});

test("logs --follow shows what the agent logs from then on", async () => {
  const { run, start } = await asNewPerson();
  await succeed(run(["init", "speaker"]));
  writeFileSync(
    path.join(runner.folder, "speaker/src/agent.ts"),
    'export default { invoke({ messages }) { console.warn("heard", messages[0].content); return ""; } };\n',
  );
  await succeed(run(["deploy", "speaker"]));
  const stop = new AbortController();
  const following = start(["logs", "speaker", "--follow", "--json"], {
    signal: stop.signal,
    onStdout: (soFar) => (soFar.includes("heard later") ? stop.abort() : undefined),
  });
  await succeed(run(["invoke", "speaker", "later"]));
  const lines = (await following).stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { message: string; level: string });
  expect(lines).toContainEqual(expect.objectContaining({ message: "heard later", level: "warn" }));
});

test("dev deploys each change, names the author's own lines in stack traces, and goes on after a mistake", async () => {
  const { run, start } = await asNewPerson();
  await succeed(run(["init", "worked-on"]));
  const source = path.join(runner.folder, "worked-on/src/agent.ts");
  const answering = (text: string): string => `interface Named { name: string }
const named: Named = { name: "${text}" };
export default {
  async invoke({ messages }: { messages: { content: string }[] }) {
    if (messages[0]?.content === "fail") throw new Error("asked to");
    return named.name;
  },
};
`;
  writeFileSync(source, answering("first"));
  const stop = new AbortController();
  let seen = "";
  let noted = "";
  const ended = start(["dev", "worked-on", "--json"], {
    signal: stop.signal,
    onStdout: (soFar) => (seen = soFar),
    onStderr: (soFar) => (noted = soFar),
  });
  type Told = { event: string; version?: number; message?: string };
  const told = (matches: (line: Told) => boolean): Promise<Told> =>
    eventually(async () => {
      const lines = seen.split("\n").slice(0, -1);
      return lines.map((line) => JSON.parse(line) as Told).find(matches);
    });
  await told(({ event, version }) => event === "deployed" && version === 1);
  expect((await succeed(run(["invoke", "worked-on-dev", "Hello"]))).stdout).toBe("first\n");
  await run(["invoke", "worked-on-dev", "fail"]);
  const { message } = await told(({ event, message: text }) => event === "log" && text?.includes("asked to") === true);
  expect(message).toMatch(/Error: asked to\n\s+at .*src\/agent\.ts:5:\d+/);
  writeFileSync(source, "export default {");
  await told(({ event }) => event === "failed");
  expect((await succeed(run(["invoke", "worked-on-dev", "Hello"]))).stdout).toBe("first\n");
  writeFileSync(source, answering("second"));
  await told(({ event, version }) => event === "deployed" && version === 2);
  expect((await succeed(run(["invoke", "worked-on-dev", "Hello"]))).stdout).toBe("second\n");
  stop.abort();
  await ended;
  expect(noted).toBe("");
}, 120_000);

test("dev without a credential ends at once, with 3", async () => {
  await succeed(runner.run(["init", "nobodys"]));
  const { exitCode } = await runner.start(["dev", "nobodys"], { env: { WHS_API_URL: whs() } });
  expect(exitCode).toBe(3);
});

describe("a deploy that fails", () => {
  test("ends with 1 and says what the agent did wrong", async () => {
    const { run } = await asNewPerson();
    await succeed(run(["init", "broken"]));
    writeFileSync(path.join(runner.folder, "broken/src/agent.ts"), 'throw new Error("not today");\nexport default {};\n');
    expect(await run(["deploy", "broken"])).toMatchObject({
      exitCode: 1,
      stdout: "",
      stderr: expect.stringMatching(/not today[\s\S]*DEPLOYMENT_FAILED/),
    });
    const { stderr } = await run(["deploy", "broken", "--json", "--wait"]);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "DEPLOYMENT_FAILED", message: expect.stringContaining("not today") } });
    expect(await run(["invoke", "broken", "Hello"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("whs deploy --agent broken"),
    });
  });

  test("leaves what served before", async () => {
    const { run } = await asNewPerson();
    await succeed(run(["init", "steady"]));
    await succeed(run(["deploy", "steady"]));
    writeFileSync(path.join(runner.folder, "steady/src/agent.ts"), 'throw new Error("not today");\nexport default {};\n');
    expect((await run(["deploy", "steady"])).exitCode).toBe(1);
    expect((await succeed(run(["invoke", "steady", "still here"]))).stdout).toBe("still here\n");
  });
});

test("a limit of the plan ends with 4", async () => {
  const { run } = await asNewPerson();
  for (const name of ["one", "two", "three", "four", "five"]) await succeed(run(["agents", "create", name]));
  expect(await run(["agents", "create", "six"])).toMatchObject({ exitCode: 4, stderr: expect.stringContaining("5 of 5") });
  expect((await run(["agents", "create", "agentic", "--runtime", "agentcore"])).exitCode).toBe(4);
}, 60_000);

test("a revoked token ends with 3", async () => {
  const { run } = await asNewPerson();
  const { jwt } = await signUp();
  const owner = { WHS_API_URL: whs(), WHS_API_TOKEN: jwt };
  const created = (
    await succeed(runner.run(["tokens", "create", "ci", "--scope", "agents:read", "--expires", "1d", "--json"], { env: owner }))
  ).json<{ token: { id: string }; secret: string }>();
  const withToken = { env: { ...owner, WHS_API_TOKEN: created.secret } };
  await succeed(runner.run(["agents", "list"], withToken));
  expect((await run(["tokens", "revoke", created.token.id])).exitCode).toBe(1);
  await succeed(runner.run(["tokens", "revoke", created.token.id], { env: owner }));
  expect((await runner.run(["agents", "list"], withToken)).exitCode).toBe(3);
});

describe("login", () => {
  /** Confirms, or refuses, the code that a waiting `whs login` shows. */
  async function decide({ cookie }: Person, decision: "approve" | "deny", userCode: string): Promise<void> {
    const headers = { cookie, origin: identity(), "content-type": "application/json" };
    expect((await fetch(`${identity()}/api/auth/device?user_code=${userCode}`, { headers })).status).toBe(200);
    expect(
      (await fetch(`${identity()}/api/auth/device/${decision}`, { method: "POST", headers, body: JSON.stringify({ userCode }) })).status,
    ).toBe(200);
  }

  /** Runs `whs login` and decides as soon as the code is on the screen. */
  async function logIn(person: Person, decision: "approve" | "deny"): Promise<Outcome> {
    let decided: Promise<void> | undefined;
    const outcome = await runner.start(["login", "--api-url", whs()], {
      onStderr: (soFar) => {
        const code = /confirm the code (\S+)/.exec(soFar)?.[1];
        if (code !== undefined) decided ??= decide(person, decision, code);
      },
    });
    await decided;
    return outcome;
  }

  test("finds the identity service by itself, and its profile then signs every command in until logout", async () => {
    const person = await signUp();
    expect((await succeed(logIn(person, "approve"))).stdout).toContain(person.email);
    expect((await succeed(runner.start(["whoami"]))).stdout).toContain(person.email);
    const { profiles } = JSON.parse(readFileSync(path.join(runner.configDir, "profiles.json"), "utf8")) as {
      profiles: { default: { token: string } };
    };
    await succeed(runner.run(["agents", "create", "mine"]));
    await succeed(runner.run(["logout"]));
    expect((await runner.run(["whoami"])).exitCode).toBe(3);
    expect((await runner.run(["whoami"], { env: { WHS_API_URL: whs(), WHS_API_TOKEN: profiles.default.token } })).exitCode).toBe(3);
  });

  test("that is refused in the browser leaves nothing behind", async () => {
    expect(await logIn(await signUp(), "deny")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("refused") });
    expect(existsSync(runner.configDir)).toBe(false);
  });
});

test("doctor finds everything in order", async () => {
  const { start } = await asNewPerson();
  const { stdout } = await succeed(start(["doctor"]));
  expect(stdout).not.toMatch(/^✗/m);
  expect(stdout).toMatch(/✓ Signed in\s+\S+@example\.com/);
});
