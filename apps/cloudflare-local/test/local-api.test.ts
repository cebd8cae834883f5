/** The local server: what it refuses, as Cloudflare would, and what it keeps. And our own Workers on it, attacked. */
import { createHmac, randomBytes } from "node:crypto";
import { deriveTelemetryKey, signV1 } from "@whs/platform/signatures";
import { failure, TestAgent } from "@whs/runtimes/conformance";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CloudflarePlane } from "./cloudflare-plane.ts";

let plane: CloudflarePlane;
beforeAll(async () => {
  plane = await CloudflarePlane.start();
});
afterAll(() => plane.close());

interface ApiAnswer {
  status: number;
  success: boolean;
  errors: { code: number; message: string }[];
  messages: unknown[];
  result: unknown;
}

async function call(method: string, path: string, body?: FormData | string, headers: Record<string, string> = {}): Promise<ApiAnswer> {
  const response = await fetch(`${plane.apiUrl}/accounts/${plane.accountId}${path}`, {
    method,
    headers: { authorization: `Bearer ${plane.apiToken}`, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, ...((await response.json()) as Omit<ApiAnswer, "status">) };
}

const namespaced = "/workers/dispatch/namespaces/whs";
const module = (name: string, text: string, type = "application/javascript+module") => [name, new File([text], name, { type })] as const;
const WORKER = `export default { fetch() { return new Response("hi"); } };`;

/** Uploads a script; parts are given as they are. */
function put(name: string, metadata: unknown, parts: readonly (readonly [string, File | string])[] = [module("a.js", WORKER)]) {
  const form = new FormData();
  form.append(
    "metadata",
    new File([typeof metadata === "string" ? metadata : JSON.stringify(metadata)], "m", { type: "application/json" }),
  );
  for (const [key, part] of parts) form.append(key, part);
  return call("PUT", `${namespaced}/scripts/${name}`, form);
}

describe("the envelope and its guards", () => {
  test("every answer is an envelope, and what is not served says so", async () => {
    expect(await call("GET", namespaced)).toEqual({
      status: 200,
      success: true,
      errors: [],
      messages: [],
      result: expect.objectContaining({ namespace_name: "whs", trusted_workers: false }),
    });
    expect(await call("GET", "/workers/kv/namespaces")).toMatchObject({
      status: 404,
      success: false,
      errors: [{ code: 7003 }],
      result: null,
    });
    expect(await call("POST", namespaced, "{}")).toMatchObject({ status: 404, success: false });
  });

  test("nobody passes without the token, or into another account", async () => {
    const at = (account: string, headers: Record<string, string>) =>
      fetch(`${plane.apiUrl}/accounts/${account}${namespaced}`, { headers }).then(({ status }) => status);
    expect(await at(plane.accountId, {})).toBe(400);
    expect(await at(plane.accountId, { authorization: "Bearer wrong" })).toBe(401);
    expect(await at(plane.accountId, { authorization: plane.apiToken })).toBe(401);
    expect(await at("f".repeat(32), { authorization: `Bearer ${plane.apiToken}` })).toBe(403);
  });

  test("unknown query parameters, unknown fields and broken JSON are refused", async () => {
    expect(await call("GET", `${namespaced}?page=1`)).toMatchObject({ status: 400 });
    expect(await call("DELETE", `${namespaced}/scripts/none?force=yes`)).toMatchObject({ status: 400 });
    expect(await call("POST", "/workers/dispatch/namespaces", '{"name":"other","trusted_workers":true}')).toMatchObject({ status: 400 });
    expect(await call("POST", "/workers/dispatch/namespaces", "{")).toMatchObject({ status: 400, errors: [{ code: 6007 }] });
  });
});

describe("an upload", () => {
  const main = { main_module: "a.js" };
  const secretNamed = (name: string) => ({ ...main, bindings: [{ type: "secret_text", name, text: "x" }] });

  test.each([
    ["an unknown field", { ...main, compatibility_dates: [] }, /compatibility_dates/],
    ["an unknown field of a binding", { ...main, bindings: [{ type: "plain_text", name: "A", text: "x", value: "x" }] }, /value/],
    ["a kind of binding that is not served", { ...main, bindings: [{ type: "kv_namespace", name: "A", namespace_id: "1" }] }, /type/],
    ["a binding's name that is no variable", secretNamed("A-B"), /name/],
    ["two bindings of one name", { ...main, bindings: [...secretNamed("A").bindings, ...secretNamed("A").bindings] }, /two bindings/],
    ["a date in the future", { ...main, compatibility_date: "2999-01-01" }, /future/],
    ["nine tags", { ...main, tags: Array.from({ length: 9 }, (_, index) => `t${index}`) }, /tags/],
    ["a tag with a comma", { ...main, tags: ["a,b"] }, /comma/],
    ["no main module", {}, /main_module/],
    ["a main module that is not there", { main_module: "b.js" }, /b\.js/],
    ["a class that no script has", { ...main, bindings: [{ type: "durable_object_namespace", name: "A", class_name: "Nope" }] }, /Nope/],
    ["a migration to a class that is not exported", { ...main, migrations: { new_tag: "v1", new_sqlite_classes: ["Nope"] } }, /Nope/],
    ["a tail consumer that is not there", { ...main, tail_consumers: [{ service: "nobody" }] }, /nobody/],
    [
      "a namespace in a namespace",
      { ...main, bindings: [{ type: "dispatch_namespace", name: "A", namespace: "whs" }] },
      /dispatch namespace/,
    ],
    ["metadata that is no JSON", "{", /JSON/],
  ])("with %s is refused by name, and leaves nothing", async (_what, metadata, named) => {
    const { status, success, errors } = await put("refused", metadata);
    expect({ status: Math.floor(status / 100), success }).toEqual({ status: 4, success: false });
    expect(errors[0]?.message).toMatch(named);
    expect(await call("GET", `${namespaced}/scripts/refused`)).toMatchObject({ status: 404, errors: [{ code: 10007 }] });
  });

  test.each([
    ["a part whose file has another name", [["a.js", new File([WORKER], "b.js", { type: "application/javascript+module" })]]],
    ["a part that is no file", [module("a.js", WORKER), ["b.js", "text"]]],
    ["a module of no known type", [module("a.js", WORKER), module("b.py", "", "text/x-ruby")]],
    ["a main module that is not a module", [module("a.js", WORKER, "text/plain")]],
  ] as const)("with %s is refused", async (_what, parts) => {
    expect(await put("refused", main, parts)).toMatchObject({ status: 400, errors: [{ code: 10021 }] });
  });

  test("that cannot start says where, and the version before it goes on", async () => {
    expect(await put("kept", main)).toMatchObject({ status: 200, result: { id: "kept", has_modules: true } });
    const before = await call("GET", `${namespaced}/scripts/kept`);
    const broken = await put("kept", main, [module("a.js", `\nthrow new TypeError("broken");`)]);
    expect(broken).toMatchObject({
      status: 400,
      errors: [{ code: 10021, message: expect.stringMatching(/TypeError: broken\n\s+at a\.js:2/) }],
    });
    expect(broken.errors[0]?.message).not.toContain("cf-local");
    expect(await call("GET", `${namespaced}/scripts/kept`)).toEqual(before);
  });

  test("applies a migration once, from the tag that is current", async () => {
    const classes = `import { DurableObject } from "cloudflare:workers"; export class Thing extends DurableObject {} ${WORKER}`;
    const migrations = { new_tag: "v1", new_sqlite_classes: ["Thing"] };
    expect(await put("migrated", { ...main, migrations }, [module("a.js", classes)])).toMatchObject({
      status: 200,
      result: { migration_tag: "v1" },
    });
    expect(await put("migrated", { ...main, migrations }, [module("a.js", classes)])).toMatchObject({ status: 412 });
    expect(await put("migrated", main, [module("a.js", classes)])).toMatchObject({ status: 200, result: { migration_tag: "v1" } });
    expect(await put("migrated", main)).toMatchObject({ status: 400, errors: [{ code: 10070 }] });
    const user = {
      ...main,
      bindings: [{ type: "durable_object_namespace", name: "T", class_name: "Thing", script_name: "migrated", dispatch_namespace: "whs" }],
    };
    expect(await put("user", user)).toMatchObject({ status: 200 });
    expect(await call("DELETE", `${namespaced}/scripts/migrated`)).toMatchObject({ status: 400, errors: [{ code: 10064 }] });
    expect(await call("DELETE", `${namespaced}/scripts/migrated?force=true`)).toMatchObject({ status: 200, result: null });
  });

  test("shows no secret's value, and a merge patch changes what it names alone", async () => {
    await put("secretive", { ...main, bindings: [...secretNamed("A").bindings, ...secretNamed("B").bindings] });
    const patch = { A: null, C: { type: "secret_text", name: "C", text: "hidden-value" } };
    const patched = await call("PATCH", `${namespaced}/scripts/secretive/secrets-bulk`, JSON.stringify({ secrets: patch }));
    expect(patched.result).toEqual({ B: { name: "B", type: "secret_text" }, C: { name: "C", type: "secret_text" } });
    const listed = await call("GET", `${namespaced}/scripts/secretive/secrets`);
    expect(listed.result).toEqual([
      { name: "B", type: "secret_text" },
      { name: "C", type: "secret_text" },
    ]);
    expect(JSON.stringify([patched, listed, plane.log])).not.toContain("hidden-value");
    const wrong = { secrets: { D: { type: "secret_text", name: "E", text: "x" } } };
    expect(await call("PATCH", `${namespaced}/scripts/secretive/secrets-bulk`, JSON.stringify(wrong))).toMatchObject({ status: 400 });
  });
});

describe("the dispatch Worker", () => {
  const sign = (key: Buffer, { timestamp = Date.now(), source = "gateway", method = "GET", path = "/health", body = "" } = {}) => ({
    "x-whs-delegation-source": source,
    "x-whs-delegation-timestamp": String(timestamp),
    "x-whs-delegation-signature": `v2=${createHmac("sha256", key).update(`${timestamp}.${source}.${method} ${path}.${body}`).digest("hex")}`,
  });
  const ask = async (headers: Record<string, string>, path = "/health", init: RequestInit = {}) =>
    (await fetch(plane.dispatchUrl + path, { ...init, headers })).status;

  test("answers a gateway, and nobody who cannot sign, signs something else, or comes late", async () => {
    const key = plane.gatewayKey;
    expect(await ask(sign(key))).toBe(200);
    expect(await ask({})).toBe(401);
    expect(await ask(sign(randomBytes(32)))).toBe(401);
    expect(await ask(sign(key, { source: "supervisor" }))).toBe(401);
    expect(await ask(sign(key, { method: "DELETE" }))).toBe(401);
    expect(await ask(sign(key, { path: "/registry/agt_1" }))).toBe(401);
    expect(await ask(sign(key), "/health?x=1")).toBe(401);
    expect(await ask(sign(key, { method: "POST", body: "a" }), "/health", { method: "POST", body: "b" })).toBe(401);
    expect(await ask(sign(key, { timestamp: Date.now() - 6 * 60_000 }))).toBe(401);
    expect(await ask(sign(key, { timestamp: Date.now() + 6 * 60_000 }))).toBe(401);
    expect(await ask({ ...sign(key), "x-whs-delegation-timestamp": String(Date.now() + 1) })).toBe(401);
  });

  test("shows an agent neither keys nor headers nor bindings of ours, and no other agent's sessions", async () => {
    const nosy = new TestAgent(plane, {});
    await nosy.deploy(
      `import * as workers from "cloudflare:workers";
       export default { async fetch(request, env) {
         return new Response(JSON.stringify({ env: Object.keys(env), imported: Object.keys(workers.env), headers: [...request.headers.keys()], url: request.url, process: Object.keys(globalThis.process?.env ?? {}) }));
       } };`,
      { sessionful: true },
    );
    const seen = JSON.parse((await nosy.invoke("x", { providerSessionId: "ses_nosy" })).output.text) as Record<string, unknown>;
    expect(seen).toEqual({
      env: [],
      imported: [],
      headers: ["accept", "content-type", "x-trace-id"],
      url: "http://agent/invoke",
      process: expect.any(Array),
    });
    expect(JSON.stringify(seen)).not.toMatch(/TELEMETRY|GATEWAY|WHS_/);
  });

  test("a secret cannot take the name of a binding of ours", async () => {
    const made = new TestAgent(plane, {});
    made.secrets = { revision: 1, refs: { WHS_SESSIONS: await plane.putSecret("some-value") } };
    const refused = await failure(made.deploy(`export default { invoke: () => "x" };`));
    expect(refused).toMatchObject({ kind: "invalid", message: expect.stringContaining("WHS_SESSIONS") });
  });

  test("counts an invocation whose agent forges the figures of its own use", async () => {
    const forger = new TestAgent(plane, {});
    await forger.deploy(
      `const Real = globalThis.Response;
       globalThis.Response = class extends Real { constructor(body, init) { super(body, { ...init, headers: { "x-whs-figures": "free of charge" } }); } };
       export default { invoke: () => "x" };`,
    );
    const input = forger.input("hello");
    expect(await failure(plane.provider.invoke(input))).toMatchObject({ kind: "runtime", retryable: false });
    expect(await plane.event(input.eventId)).toMatchObject({ requests: 1, errors: 1, llmTokens: 2, tokensEstimated: true });
    expect(plane.peer.badSignatures).toEqual([]);
  });
});

describe("what the Workers report", () => {
  const ECHO = `export default { invoke: ({ messages }) => messages.at(-1).content };`;

  test("outlives a control plane that is away for a moment, and is counted once", async () => {
    const made = new TestAgent(plane, {});
    await made.deploy(ECHO);
    const input = made.input("hello");
    const before = plane.peer.deliveries.length;
    plane.peer.outage = 503;
    await plane.provider.invoke(input);
    await expect.poll(() => plane.peer.wire).toContain(input.eventId);
    plane.peer.outage = null;
    expect(await plane.event(input.eventId)).toMatchObject({ requests: 1 });
    expect(plane.peer.deliveries.slice(before)).toEqual([input.eventId]);
  });

  test("is signed with the deployment's key in the version that the control plane named last", async () => {
    const made = new TestAgent(plane, {});
    await made.deploy(ECHO);
    const { deploymentId } = made.ref();
    const signatureOf = async (eventId: string) => {
      await plane.event(eventId);
      const sent = plane.peer.wire.matchAll(/"signature":"(v1=[0-9a-f]{64})","event":("(?:[^"\\]|\\.)*")/g);
      const [, signature = "", event = '""'] = [...sent].find(([text]) => text.includes(eventId)) ?? [];
      return { signature, event: JSON.parse(event) as string };
    };
    for (const keyVersion of [1, 2]) {
      await plane.provider.setTelemetryKey({ ...made.ref(), telemetry: { rootKeyId: "1", keyVersion } });
      const input = made.input("hello");
      await plane.provider.invoke(input);
      const { signature, event } = await signatureOf(input.eventId);
      expect(signature).toBe(signV1(deriveTelemetryKey(plane.telemetryRoot, deploymentId, keyVersion), event));
    }
  });

  test("of a flood of lines is bounded, and says how many are missing", async () => {
    const made = new TestAgent(plane, {});
    await made.deploy(`export default { invoke() { for (let i = 0; i < 1500; i += 1) console.log("line " + i); return "ok"; } };`);
    await made.invoke("x");
    const ofThis = ({ deploymentId }: { deploymentId: string }) => deploymentId === made.ref().deploymentId;
    const last = await plane.line((line) => ofThis(line) && line.message.includes("left out"));
    expect(last).toMatchObject({ level: "warn", message: expect.stringMatching(/^500 lines/) });
    await expect.poll(() => plane.peer.lines.filter(ofThis).length).toBe(1001);
  });
});

describe("sessions", () => {
  test("an invocation that is cancelled lets go of its session", async () => {
    const made = new TestAgent(plane, {});
    await made.deploy(
      `export default { async *invoke({ session, messages }) {
         const n = ((await session.storage.get("n")) ?? 0) + 1;
         await session.storage.put("n", n);
         yield "turn " + n;
         if (messages[0].content === "stay") await new Promise((resolve) => setTimeout(resolve, 60000));
       } };`,
      { sessionful: true },
    );
    for await (const event of plane.provider.invokeStream(made.input("stay", { providerSessionId: "ses_held" })))
      if (event.type === "delta") break;
    expect((await made.invoke("go", { providerSessionId: "ses_held" })).output.text).toBe("turn 2");
  });

  test("scripts, secrets and sessions outlive a restart of the local server", async () => {
    const made = new TestAgent(plane, {});
    made.secrets = { revision: 1, refs: { KEY: await plane.putSecret("kept-secret") } };
    await made.deploy(
      `export default { async invoke({ session, env }) {
         const n = ((await session.storage.get("n")) ?? 0) + 1;
         await session.storage.put("n", n);
         return env.KEY + " " + n;
       } };`,
      { sessionful: true },
    );
    expect((await made.invoke("x", { providerSessionId: "ses_long" })).output.text).toBe("kept-secret 1");
    await plane.restartLocalCloudflare();
    expect((await made.invoke("x", { providerSessionId: "ses_long" })).output.text).toBe("kept-secret 2");
  });

  test("setting the account up again leaves deployments and sessions as they are", async () => {
    const made = new TestAgent(plane, {});
    await made.deploy(
      `export default { async invoke({ session }) { await session.messages.append({ role: "user", content: "x" }); return String((await session.messages.list()).length); } };`,
      { sessionful: true },
    );
    expect((await made.invoke("x", { providerSessionId: "ses_kept" })).output.text).toBe("1");
    expect(await plane.setUp()).toMatchObject({ namespaceCreated: false });
    expect((await made.invoke("x", { providerSessionId: "ses_kept" })).output.text).toBe("2");
  });
});
