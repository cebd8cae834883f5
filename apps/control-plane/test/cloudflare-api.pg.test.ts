/** The control plane with a Cloudflare account, which the local server stands in for. */
import type { CloudflareSetup } from "@whs/api";
import { type ServerProcess, startServer } from "@whs/platform/testing";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAgent, deploy, echo } from "./deploy.ts";
import { startControlPlane, type TestControlPlane } from "./harness.ts";

const operatorToken = "operator-token-of-this-test-000002";
const account = { CLOUDFLARE_ACCOUNT_ID: "0123456789abcdef0123456789abcdef", CLOUDFLARE_API_TOKEN: "token-of-this-test-0001" };

let cloudflare: ServerProcess;
let folder: string;
let plane: TestControlPlane;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "whs-cf-"));
  const entry = path.resolve(import.meta.dirname, "../../cloudflare-local/src/main.ts");
  cloudflare = await startServer({
    entry,
    environment: { WHS_DATA_DIR: folder, CLOUDFLARE_LOCAL_PORT: "0", CLOUDFLARE_LOCAL_WORKERS_PORT: "0", ...account },
  });
  const { notes = [] } = cloudflare.ready;
  plane = await startControlPlane({
    environment: {
      WHS_OPERATOR_TOKEN: operatorToken,
      WHS_CLOUDFLARE_DRIVER: "api",
      ...account,
      ...Object.fromEntries(notes.map((note) => [note.slice(0, note.indexOf("=")), note.slice(note.indexOf("=") + 1)])),
    },
  });
});
afterAll(async () => {
  await plane.close();
  await cloudflare.stop("SIGTERM");
  await rm(folder, { recursive: true, force: true });
});

const setUp = () => plane.as(operatorToken)<{ cloudflare: CloudflareSetup }>("POST", "/v1/operator/cloudflare/setup");

describe("an installation with a Cloudflare account", () => {
  it("is not ready before the account is set up, and setting it up again changes nothing", async () => {
    expect((await fetch(`${plane.url}/readyz`)).status).toBe(503);
    const first = await setUp();
    expect(first).toMatchObject({
      status: 200,
      body: { cloudflare: { namespace: "whs", namespaceCreated: true, dispatchWorker: "whs-dispatch", tailWorker: "whs-tail" } },
    });
    expect((await fetch(`${plane.url}/readyz`)).status).toBe(200);
    const again = await setUp();
    expect(again.body.cloudflare).toEqual({ ...first.body.cloudflare, namespaceCreated: false });
  });

  it("lets agents call each other in one trace", async () => {
    await setUp();
    const person = await plane.enterpriseUser();
    const caller = await createAgent(person, "caller");
    await deploy(
      person,
      caller,
      `export default { async invoke({ agents, messages, env }: any) {
        const called = await agents.invoke("called", messages).catch((error: any) => error.code);
        const { output, traceId } = await agents.invoke("called", { input: { messages } });
        return [called, output.text, traceId, Object.keys(env)].join("|");
      } };`,
    );
    await deploy(person, await createAgent(person, "called"), echo("called: "));
    const answer = await person.request<{ output: { text: string } }>(
      "POST",
      `/v1/invoke/${caller}`,
      { input: { prompt: "hi" } },
      { "x-trace-id": "trc_called_on_cloudflare" },
    );
    expect(answer.body).toMatchObject({ output: { text: "INVALID_REQUEST|called: hi|trc_called_on_cloudflare|" } });
  });

  it("deploys, answers, streams, keeps sessions, counts and logs, and goes back to an older version", async () => {
    await setUp();
    const person = await plane.enterpriseUser();
    const agentId = await createAgent(person, "on-cloudflare");
    const counting = `export default { async invoke({ session, messages }: any) {
      const n = ((await session.storage.get("n")) ?? 0) + 1;
      await session.storage.put("n", n);
      console.log("turn", n);
      return "turn " + n + ": " + messages.at(-1).content;
    } };`;
    const first = await deploy(person, agentId, counting);
    expect(first).toMatchObject({
      status: "active",
      providerRef: { cloudflare: { workerName: expect.stringMatching(/^whs-[0-9a-f]{12}-dep_/) } },
    });
    const ask = (prompt: string, sessionId?: string) =>
      person.request<{ output: { text: string }; sessionId: string; traceId: string }>("POST", `/v1/invoke/${agentId}`, {
        input: { prompt },
        ...(sessionId === undefined ? {} : { sessionId }),
      });
    const { body } = await ask("a");
    expect(body.output.text).toBe("turn 1: a");
    expect((await ask("b", body.sessionId)).body.output.text).toBe("turn 2: b");
    await deploy(person, agentId, counting.replace('return "turn', 'return "new turn'));
    expect((await ask("c", body.sessionId)).body.output.text).toBe("new turn 3: c");
    expect((await person.request("POST", `/v1/agents/${agentId}/deployments/${first.id}/activate`)).status).toBe(200);
    expect((await ask("d", body.sessionId)).body.output.text).toBe("turn 4: d");

    const streamed = await person.request("POST", `/v1/invoke/${agentId}/stream`, { input: { prompt: "e" }, sessionId: body.sessionId });
    expect(streamed.text).toContain("turn 5: e");
    await expect
      .poll(async () => (await person.request<{ totals: { requests: number } }>("GET", "/v1/billing/usage")).body.totals.requests)
      .toBe(5);
    await expect.poll(async () => (await person.request("GET", `/v1/deployments/${first.id}/logs`)).text).toContain("turn 5");
  });

  it("names the driver and its isolation honestly", async () => {
    const person = await plane.user();
    const { body } = await person.request("GET", "/v1/runtime/stack");
    expect(body).toMatchObject({
      mode: "cloud",
      providers: {
        cloudflare: { driver: "api", isolation: expect.arrayContaining([expect.objectContaining({ layer: "cloudflare", active: false })]) },
      },
    });
  });
});
