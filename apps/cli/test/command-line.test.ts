// Longer than a file usually is: what holds for every command, on one way to run them.
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createRunner, type Runner, type RunWhs } from "./run-whs.ts";
import { json, refuse, startTinyApi, type TinyApi } from "./tiny-api.ts";

const agent = {
  id: "agt_01jd0000000000000000000000",
  userId: "usr_1",
  name: "echo",
  description: null,
  framework: null,
  runtimeProvider: "cloudflare",
  status: "active",
  activeDeploymentId: "dep_1",
  envVarKeys: ["API_KEY"],
  providerConfig: { cloudflare: null, agentcore: null },
  sharing: "private",
  createdAt: "2026-11-01T00:00:00Z",
  updatedAt: "2026-11-01T00:00:00Z",
  lastDeployedAt: null,
};
const agentPage = { items: [agent], nextCursor: null, traceId: "trc_test00000001" };

let api: TinyApi;
let runner: Runner;
let signedIn: { env: { WHS_API_URL: string; WHS_API_TOKEN: string } };
let run: RunWhs;

beforeEach(async () => {
  api = await startTinyApi();
  runner = createRunner();
  run = runner.run;
  signedIn = { env: { WHS_API_URL: api.url, WHS_API_TOKEN: "whs_test" } };
});
afterEach(async () => {
  await api.close();
  runner.remove();
});

test("how a client talks to an agent is printed with the token's variable in place of the token", async () => {
  api.answer((_, response) => json(response, 200, agentPage));
  const { stdout, stderr, exitCode } = await run(["agents", "connect", "echo", "--client", "openai"], signedIn);
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`baseURL: "${api.url}/v1", apiKey: process.env.WHS_API_TOKEN`);
  expect(stdout + stderr).not.toContain("whs_test");
  expect(stderr).toContain("--scope invoke");
});

describe("exit codes", () => {
  test("a command that did its work ends with 0", async () => {
    api.answer((_, response) => json(response, 200, agentPage));
    expect(await runner.start(["agents", "list"], signedIn)).toMatchObject({ exitCode: 0 });
  });

  test.each([
    ["INTERNAL", 500, 1],
    ["NOT_FOUND", 404, 1],
    ["INVALID_REQUEST", 400, 1],
    ["UNAUTHENTICATED", 401, 3],
    ["LIMIT_EXCEEDED", 402, 4],
  ])("%s ends with its documented code", async (code, status, exitCode) => {
    api.answer((_, response) => refuse(response, status, code));
    expect((await runner.start(["whoami"], signedIn)).exitCode).toBe(exitCode);
  });

  test.each([
    [["agents", "lst"]],
    [["agents"]],
    [["nothing"]],
    [["logs"]],
    [["logs", "echo", "--limit", "0"]],
    [["init", "--template", "none"]],
    [["secrets", "set", "echo", "KEY", "value"]],
    [["publish", "echo"]],
    [["publish", "echo@1.0"]],
    [["publish", "echo@1.0.0", "--min-whs", "new"]],
    [["publish", "echo@1.0.0", "--notes", "/nowhere/notes.md"]],
  ])("a command line that makes no sense (%j) ends with 2", async (args) => {
    expect((await run(args, signedIn)).exitCode).toBe(2);
  });

  test("a variable that makes no sense ends with 2 and says what it should be", async () => {
    const { exitCode, stderr } = await run(["whoami"], { env: { WHS_API_URL: "localhost:8787", WHS_API_TOKEN: "x" } });
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining("WHS_API_URL") });
  });

  test("without a token it ends with 3, asks nobody and says how to sign in", async () => {
    const { exitCode, stderr } = await run(["agents", "list"], { env: { WHS_API_URL: api.url } });
    expect({ exitCode, stderr, asked: api.seen.length }).toEqual({ exitCode: 3, stderr: expect.stringContaining("whs login"), asked: 0 });
  });

  test("an API that cannot be reached ends with 1 and says how to start one", async () => {
    const { url } = api;
    await api.close();
    const { exitCode, stderr } = await run(["whoami"], { env: { WHS_API_URL: url, WHS_API_TOKEN: "x" } });
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringMatching(/ECONNREFUSED[\s\S]*whs up/) });
    api = await startTinyApi();
  });

  test("help that was asked for ends with 0 on standard output", async () => {
    for (const args of [[], ["--help"], ["help", "deploy"], ["agents", "list", "--help"], ["--version"]]) {
      const { exitCode, stdout, stderr } = await run(args);
      expect({ args, exitCode, stderr, said: stdout.length > 0 }).toEqual({ args, exitCode: 0, stderr: "", said: true });
    }
  });
});

describe("errors", () => {
  test("show message, code, every field, the trace and the next step on standard error only", async () => {
    api.answer((_, response) =>
      refuse(response, 502, "RUNTIME_ERROR", {
        message: "The agent failed.",
        details: { fields: [{ fieldName: "input.prompt", message: "is odd" }] },
      }),
    );
    const { stdout, stderr } = await run(["agents", "list"], signedIn);
    expect(stdout).toBe("");
    for (const part of ["The agent failed.", "RUNTIME_ERROR", "input.prompt", "is odd", "trc_test00000001", "whs trace trc_test00000001"])
      expect(stderr).toContain(part);
  });

  test("a limit shows what was used of it", async () => {
    api.answer((_, response) =>
      refuse(response, 402, "LIMIT_EXCEEDED", { details: { limitType: "requests", periodKey: "2026-11", current: 1000, limit: 1000 } }),
    );
    expect((await run(["whoami"], signedIn)).stderr).toContain("1,000 of 1,000 in 2026-11");
  });

  test("with --json they are the API's envelope", async () => {
    api.answer((_, response) => refuse(response, 404, "NOT_FOUND", { message: "Agent not found." }));
    const { stderr, stdout } = await run(["deployments", "get", "dep_x", "--json"], signedIn);
    expect(stdout).toBe("");
    expect(JSON.parse(stderr)).toEqual({
      error: { code: "NOT_FOUND", message: "Agent not found.", details: {}, retryable: false },
      traceId: "trc_test00000001",
    });
  });

  test("what a server says cannot control the terminal", async () => {
    api.answer((_, response) => refuse(response, 500, "INTERNAL", { message: "\u001b[2Jgone\u0007" }));
    const { stderr } = await run(["whoami"], signedIn);
    expect(stderr).toContain("[2Jgone");
    for (const control of ["\u0007", "\u001b"]) expect(stderr).not.toContain(control);
  });

  test("another server's answer is told as such", async () => {
    api.answer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"));
    const { exitCode, stderr } = await run(["whoami"], signedIn);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining("not of this API") });
  });

  test("a misspelt agent brings the one that is meant", async () => {
    api.answer((_, response) => json(response, 200, agentPage));
    const { exitCode, stderr } = await run(["agents", "get", "ehco"], signedIn);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining('Did you mean "echo"?') });
  });

  test("a misspelt command brings the one that is meant", async () => {
    expect((await run(["agnets"])).stderr).toContain("agents");
  });
});

describe("--json", () => {
  test("prints exactly the API's answer, unknown fields included", async () => {
    const answer = { ...agentPage, futureField: { deep: [1, null] } };
    api.answer((_, response) => json(response, 200, answer));
    const { stdout } = await run(["agents", "list", "--json"], signedIn);
    expect(JSON.parse(stdout)).toEqual(answer);
  });

  test("works before and after the command", async () => {
    api.answer((_, response) => json(response, 200, agentPage));
    const [before, after] = await Promise.all([run(["--json", "agents", "list"], signedIn), run(["agents", "list", "--json"], signedIn)]);
    expect(before.stdout).toBe(after.stdout);
  });

  test("prints nothing where the API answers nothing", async () => {
    api.answer((request, response) => (request.method === "DELETE" ? response.writeHead(204).end() : json(response, 200, agentPage)));
    expect(await run(["agents", "delete", "echo", "--json"], signedIn)).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  });
});

describe("the token", () => {
  const profile = (url: string) => {
    mkdirSync(runner.configDir, { recursive: true });
    writeFileSync(
      path.join(runner.configDir, "profiles.json"),
      JSON.stringify({ profiles: { default: { apiUrl: url, token: "whs_of_profile" } } }),
      { mode: 0o600 },
    );
  };

  test("of the environment wins over the profile's", async () => {
    profile(api.url);
    api.answer((_, response) => json(response, 200, agentPage));
    await run(["agents", "list"], signedIn);
    expect(api.seen[0]?.headers.authorization).toBe("Bearer whs_test");
  });

  test("of a profile is used for its own address", async () => {
    profile(api.url);
    api.answer((_, response) => json(response, 200, agentPage));
    expect((await run(["agents", "list"])).exitCode).toBe(0);
    expect(api.seen[0]?.headers.authorization).toBe("Bearer whs_of_profile");
  });

  test.each([["--api-url"], ["WHS_API_URL"]])("of a profile is not sent to the address that %s names", async (source) => {
    profile("http://127.0.0.1:9");
    const { exitCode } =
      source === "--api-url"
        ? await run(["agents", "list", "--api-url", api.url])
        : await run(["agents", "list"], { env: { WHS_API_URL: api.url } });
    expect({ exitCode, asked: api.seen.length }).toEqual({ exitCode: 3, asked: 0 });
  });

  test("given to login on standard input ends in a file that only its owner can read", async () => {
    api.answer((_, response) =>
      json(response, 200, {
        user: { id: "usr_1", email: "ada@example.com", name: null, subscriptionTier: "free" },
        entitlements: {},
        traceId: "trc_test00000001",
      }),
    );
    const { exitCode, stdout, stderr } = await run(["login", "--with-token", "--api-url", api.url], { input: "whs_secret_value\n" });
    const file = path.join(runner.configDir, "profiles.json");
    expect(exitCode).toBe(0);
    expect(stdout + stderr).not.toContain("whs_secret_value");
    expect(readFileSync(file, "utf8")).toContain("whs_secret_value");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
  });

  test("that login cannot use is not kept", async () => {
    api.answer((_, response) => refuse(response, 401, "UNAUTHENTICATED"));
    expect((await run(["login", "--with-token", "--api-url", api.url], { input: "whs_wrong" })).exitCode).toBe(3);
    expect(existsSync(path.join(runner.configDir, "profiles.json"))).toBe(false);
  });
});

test("an agent that serves is not taken to another runtime: nothing is sent, and both ways out are told", async () => {
  await run(["init", "echo"]);
  const file = path.join(runner.folder, "echo/agent.config.json");
  writeFileSync(file, readFileSync(file, "utf8").replace('"runtime": "cloudflare"', '"runtime": "agentcore"'));
  api.answer((_, response) => json(response, 200, agentPage));
  const { exitCode, stderr } = await run(["deploy", "echo"], signedIn);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: expect.stringMatching(/Say "cloudflare" there[\s\S]*whs deploy --agent echo-agentcore/),
  });
  expect(api.seen.filter(({ method }) => method !== "GET")).toEqual([]);
});

test("doctor says what an API that is not ready cannot use", async () => {
  api.answer((request, response) => {
    if (request.url === "/readyz") refuse(response, 503, "UNAVAILABLE", { details: { failing: ["dataPlane"] } });
    else if (request.url === "/healthz") json(response, 200, { ok: true });
    else refuse(response, 401, "UNAUTHENTICATED");
  });
  const { exitCode, stdout } = await run(["doctor"], signedIn);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: expect.stringContaining("cannot be used: dataPlane") });
});

describe("secrets", () => {
  beforeEach(() =>
    api.answer((request, response) => (request.method === "POST" ? response.writeHead(204).end() : json(response, 200, agentPage))),
  );

  test("come from standard input, without its last line break, and are never printed", async () => {
    const { exitCode, stdout, stderr } = await runner.start(["secrets", "set", "echo", "API_KEY"], {
      ...signedIn,
      input: " two\nlines \r\n",
    });
    expect(exitCode).toBe(0);
    expect(JSON.parse(api.seen.at(-1)?.body ?? "")).toEqual({ secrets: { API_KEY: " two\nlines " } });
    expect(stdout + stderr).not.toContain("two");
  });

  test.each([[["secrets", "set", "echo", "API_KEY=hunter2hunter2"]], [["secrets", "set", "echo", "API_KEY", "--value=hunter2hunter2"]]])(
    "on the command line (%j) are refused, not sent and not repeated",
    async (args) => {
      const { exitCode, stdout, stderr } = await run(args, signedIn);
      expect({ exitCode, sent: api.seen.filter(({ method }) => method === "POST") }).toEqual({ exitCode: 2, sent: [] });
      expect(stdout + stderr).not.toContain("hunter2");
    },
  );

  test("that the agent does not declare are refused with the command that declares them", async () => {
    const { exitCode, stderr } = await run(["secrets", "set", "echo", "API_KEI"], { ...signedIn, input: "x" });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringMatching(/Did you mean API_KEY\?[\s\S]*whs agents update echo --env-key API_KEY --env-key API_KEI/),
    });
  });

  test("that a deploy misses bring the commands that set it and deploy the same again", async () => {
    await run(["init", "keyed"]);
    const manifest = JSON.parse(readFileSync(path.join(runner.folder, "keyed/agent.config.json"), "utf8")) as object;
    writeFileSync(
      path.join(runner.folder, "keyed/agent.config.json"),
      JSON.stringify({ ...manifest, env: { requiredKeys: ["API_KEY"], optionalKeys: [] } }),
    );
    api.answer((request, response) =>
      json(response, 200, request.url.includes("/secrets") ? { items: [{ key: "API_KEY", isSet: false }], nextCursor: null } : agentPage),
    );
    const { exitCode, stderr } = await run(["deploy", "keyed", "--agent", "echo"], signedIn);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringMatching(/whs secrets set echo API_KEY\n.*whs deploy keyed --agent echo\n/),
    });
  });

  test("that need a redeploy say so", async () => {
    api.answer((request, response) =>
      request.method === "POST" ? response.writeHead(204, { "whs-redeploy-required": "true" }).end() : json(response, 200, agentPage),
    );
    expect((await run(["secrets", "set", "echo", "API_KEY"], { ...signedIn, input: "x" })).stderr).toContain("whs deploy --agent echo");
  });
});

describe("calls that may be repeated", () => {
  test("are, with the same Idempotency-Key, while the API asks for it", async () => {
    let attempts = 0;
    api.answer((_, response) => {
      attempts += 1;
      if (attempts < 3) refuse(response, 503, "UNAVAILABLE", { retryable: true, headers: { "retry-after": "0" } });
      else json(response, 201, { agent, traceId: "trc_test00000001" });
    });
    expect((await run(["agents", "create", "echo"], signedIn)).exitCode).toBe(0);
    const keys = api.seen.map(({ headers }) => headers["idempotency-key"]);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[\x21-\x7e]{1,200}$/);
  });

  test("are not when the API says that it does not help", async () => {
    api.answer((_, response) => refuse(response, 409, "CONFLICT"));
    await run(["agents", "create", "echo"], signedIn);
    expect(api.seen).toHaveLength(1);
  });

  test("are given up when the API wants a long pause", async () => {
    api.answer((_, response) => refuse(response, 429, "RATE_LIMITED", { retryable: true, headers: { "retry-after": "3600" } }));
    const { exitCode, stderr } = await run(["whoami"], signedIn);
    expect({ exitCode, stderr, asked: api.seen.length }).toEqual({ exitCode: 4, stderr: expect.stringContaining("3600 s"), asked: 1 });
  });
});

describe("streams", () => {
  const events = (...lines: string[]) =>
    api.answer((request, response) => {
      if (!request.url.endsWith("/stream")) json(response, 200, agentPage);
      else response.writeHead(200, { "content-type": "text/event-stream" }).end(lines.join(""));
    });
  const event = (name: string, data: unknown) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  const meta = event("meta", { traceId: "trc_test00000001", sessionId: null, deploymentId: "dep_1", streamId: "str_1" });

  test("print pieces as they come, and nothing else, on standard output", async () => {
    events(
      meta,
      event("delta", { text: "Hel" }),
      ": heartbeat\n\n",
      event("delta", { text: "lo" }),
      event("usage", { tokens: 2, tokensEstimated: false, computeMs: 1, toolCalls: 0 }),
      event("done", {}),
    );
    expect(await runner.start(["invoke", "echo", "Hi", "--stream"], signedIn)).toMatchObject({ exitCode: 0, stdout: "Hello\n" });
  });

  test("that end with an error fail with its exit code", async () => {
    events(
      meta,
      event("delta", { text: "Hel" }),
      event("error", {
        error: { code: "LIMIT_EXCEEDED", message: "Used up.", details: {}, retryable: false },
        traceId: "trc_test00000001",
      }),
    );
    expect(await run(["invoke", "echo", "Hi", "--stream"], signedIn)).toMatchObject({
      exitCode: 4,
      stdout: "Hel\n",
      stderr: expect.stringContaining("Used up."),
    });
  });

  test("that break off are no success", async () => {
    events(meta, event("delta", { text: "Hel" }));
    expect(await run(["invoke", "echo", "Hi", "--stream"], signedIn)).toMatchObject({ exitCode: 1, stdout: "Hel\n" });
  });
});

describe("the program", () => {
  test("runs on the pinned Node whatever it is started with, and passes its exit code on", async () => {
    const other = path.join(runner.folder, "node");
    copyFileSync(process.execPath, other);
    const [version, usage] = await Promise.all([runner.start(["--version"], { node: other }), runner.start(["nothing"], { node: other })]);
    expect(version).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    expect(usage.exitCode).toBe(2);
  });

  test("suggests commands as they have to be typed", async () => {
    expect((await run(["whoami"])).stderr).toContain("Next: whs login");
    expect((await run(["whoami"], { env: { npm_command: "exec" } })).stderr).toContain("Next: npx whs login");
  });

  test("prints no colours where nobody sees them", async () => {
    api.answer((_, response) => json(response, 200, agentPage));
    const { stdout } = await run(["agents", "list"], signedIn);
    expect(stdout).toContain("echo");
    expect(stdout).not.toContain("\u001b");
  });
});
