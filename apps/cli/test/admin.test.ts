import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRunner, type Runner } from "./run-whs.ts";
import { json, refuse, startTinyApi, type TinyApi } from "./tiny-api.ts";

const user = {
  id: "usr_1",
  externalId: "auth0|1",
  email: "ada@example.com",
  name: "Ada",
  subscriptionTier: "pro",
  disabledAt: null,
  createdAt: "2026-11-01T00:00:00Z",
};

let api: TinyApi;
let runner: Runner;
beforeEach(async () => {
  api = await startTinyApi();
  runner = createRunner();
  api.answer((_, response) => json(response, 200, { user, traceId: "trc_test00000001" }));
});
afterEach(async () => {
  await api.close();
  runner.remove();
});
const operator = () => ({ env: { WHS_API_URL: api.url, WHS_API_TOKEN: "whs_user", WHS_OPERATOR_TOKEN: "the-operators-own" } });

test("admin tier puts an account on a plan, by the operator's token alone", async () => {
  const { exitCode, stdout } = await runner.run(["admin", "tier", "auth0|1", "pro"], operator());
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringContaining("ada@example.com") });
  expect(api.seen.map(({ method, url, body, headers }) => ({ method, url, body, authorization: headers.authorization }))).toEqual([
    { method: "POST", url: "/v1/operator/users/auth0%7C1/tier", body: '{"tier":"pro"}', authorization: "Bearer the-operators-own" },
  ]);
});

test.each([["disable"], ["enable"]])("admin user %s switches an account", async (action) => {
  const { exitCode, json: parsed } = await runner.run(["admin", "user", action, "ada@example.com", "--json"], operator());
  expect({ exitCode, user: parsed()["user"] }).toEqual({ exitCode: 0, user });
  expect(api.seen.map(({ url }) => url)).toEqual([`/v1/operator/users/ada%40example.com/${action}`]);
});

test("admin cloudflare setup says what the account holds", async () => {
  const cloudflare = {
    namespace: "whs",
    namespaceCreated: true,
    dispatchWorker: "whs-dispatch",
    dispatchUrl: "https://whs-dispatch.example.workers.dev",
    tailWorker: "whs-tail",
    build: "0123456789ab",
  };
  api.answer((_, response) => json(response, 200, { cloudflare, traceId: "trc_test00000001" }));
  const { exitCode, stdout } = await runner.run(["admin", "cloudflare", "setup"], operator());
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringContaining("https://whs-dispatch.example.workers.dev") });
  expect(api.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(["POST /v1/operator/cloudflare/setup"]);
});

test("admin roles grants and revokes in the marketplace, by the operator's token alone", async () => {
  const account = { userId: "usr_1", externalId: "auth0|1", email: "ada@example.com", name: "Ada", roles: ["user", "admin"] };
  api.answer((_, response) => json(response, 200, { user: account, requestId: "trc_test00000001" }));
  const env = { env: { ...operator().env, WHS_API_URL: "http://127.0.0.1:1", FLEETPROMPT_API_URL: api.url } };
  const { exitCode, stdout } = await runner.run(["admin", "roles", "grant", "ada@example.com", "admin"], env);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringContaining("user, admin") });
  await runner.run(["admin", "roles", "revoke", "ada@example.com", "admin"], env);
  expect(api.seen.map(({ url, body, headers }) => [url, body, headers.authorization])).toEqual([
    ["/v1/operator/users/ada%40example.com/roles", '{"role":"admin","grant":true}', "Bearer the-operators-own"],
    ["/v1/operator/users/ada%40example.com/roles", '{"role":"admin","grant":false}', "Bearer the-operators-own"],
  ]);
});

test("reports are listed, and a listing suspended and restored, as the person who has the role", async () => {
  const report = {
    reportId: "rep_1",
    listingId: "lst_1",
    reporterUserId: "usr_2",
    reason: "spam\u001b[2J",
    status: "open",
    createdAtMs: 0,
  };
  api.answer((_, response) => json(response, 200, { items: [report], nextCursor: null, ok: true, requestId: "trc_test00000001" }));
  const env = { env: { ...operator().env, WHS_API_URL: "http://127.0.0.1:1", FLEETPROMPT_API_URL: api.url } };
  const { stdout } = await runner.run(["reports", "list", "--status", "open"], env);
  expect(stdout).toMatch(/lst_1.*spam/);
  expect(stdout).not.toContain("\u001b");
  for (const verb of ["suspend", "restore"])
    expect((await runner.run(["listings", verb, "lst_1", "--reason", "because"], env)).exitCode).toBe(0);
  expect(api.seen.map(({ method, url, body, headers }) => [method, url, body, headers.authorization])).toEqual([
    ["GET", "/v1/admin/reports?status=open", "", "Bearer whs_user"],
    ["POST", "/v1/admin/listings/lst_1/suspend", '{"reason":"because"}', "Bearer whs_user"],
    ["POST", "/v1/admin/listings/lst_1/restore", '{"reason":"because"}', "Bearer whs_user"],
  ]);
});

test.each([
  [["listings", "suspend", "lst_1"]],
  [["reports", "list", "--status", "closed"]],
  [["admin", "cloudflare", "delete"]],
  [["admin", "roles", "grant", "ada@example.com", "owner"]],
  [["admin", "roles", "give", "ada@example.com", "admin"]],
  [["admin", "tier", "ada@example.com", "gold"]],
  [["admin", "user", "delete", "ada@example.com"]],
  [["plan", "free"]],
  [["plan", "pro", "--manage"]],
])("%j makes no sense, ends with 2 and asks nobody", async (args) => {
  expect((await runner.run(args, operator())).exitCode).toBe(2);
  expect(api.seen).toEqual([]);
});

test("the stack on this machine lends its operator's token, to its own API only", async () => {
  const dataDir = path.join(runner.folder, "data");
  mkdirSync(dataDir);
  writeFileSync(path.join(dataDir, "secrets.env"), "# Generated.\nWHS_OPERATOR_TOKEN=from-the-stack\n");
  const serving = (whs: string) =>
    writeFileSync(path.join(dataDir, "endpoints.json"), JSON.stringify({ identity: "http://127.0.0.1:1", whs }));
  const env = { WHS_API_URL: api.url, WHS_API_TOKEN: "whs_user" };
  serving("http://127.0.0.1:2");
  expect(await runner.run(["admin", "stats"], { env })).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining("WHS_OPERATOR_TOKEN"),
  });
  expect(api.seen).toEqual([]);
  serving(api.url);
  expect((await runner.run(["admin", "user", "disable", "x"], { env })).exitCode).toBe(0);
  expect(api.seen[0]?.headers.authorization).toBe("Bearer from-the-stack");
});

test("a refused operator's token ends with 3 and names the variable", async () => {
  api.answer((_, response) => refuse(response, 401, "UNAUTHENTICATED"));
  expect(await runner.run(["admin", "stats"], operator())).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining("WHS_OPERATOR_TOKEN"),
  });
});

test("plan prints nothing but the address where to pay, and asks under an idempotency key", async () => {
  api.answer((_, response) => json(response, 200, { checkoutUrl: "https://shop.example.com/c1", traceId: "trc_test00000001" }));
  const { exitCode, stdout } = await runner.run(["plan", "pro"], operator());
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "https://shop.example.com/c1\n" });
  expect(api.seen[0]).toMatchObject({ method: "POST", url: "/v1/billing/checkout", body: '{"tier":"pro"}' });
  expect(api.seen[0]?.headers).toMatchObject({ authorization: "Bearer whs_user", "idempotency-key": expect.any(String) });
});
