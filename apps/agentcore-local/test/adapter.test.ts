import {
  DeleteAgentRuntimeEndpointCommand,
  ListAgentRuntimeEndpointsCommand,
  ListAgentRuntimesCommand,
  ListTagsForResourceCommand,
} from "@aws-sdk/client-bedrock-agentcore-control";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { failure, TestAgent } from "@whs/runtimes/conformance";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type AdapterTarget, openAdapter, startAdapter } from "./adapter.ts";

/** Of this machine as well, but not what a container takes for itself. */
const OPENED = "127.0.0.2";
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const named = (text: string) => `export default { invoke: () => ${JSON.stringify(text)} };`;

describe("the driver on AgentCore", () => {
  let target: AdapterTarget;
  let opened: Server;
  beforeAll(async () => {
    opened = createServer((_request, response) => response.end("opened"));
    await new Promise<void>((resolve) => opened.listen(0, OPENED, resolve));
    target = await startAdapter({ AGENTCORE_LOCAL_MAX_ENDPOINTS: "3", WHS_CELL_EGRESS_ALLOW: `${OPENED}:${portOf(opened)}` });
  });
  afterAll(async () => {
    await target.close();
    opened.close();
  });

  const runtimeOf = async (agent: TestAgent) => {
    const { agentRuntimes = [] } = await target.service.control.send(new ListAgentRuntimesCommand({}));
    for (const runtime of agentRuntimes) {
      const { tags } = await target.service.control.send(new ListTagsForResourceCommand({ resourceArn: runtime.agentRuntimeArn }));
      if (tags?.["agentId"] === agent.agentId) return { ...runtime, tags };
    }
    throw new Error("The agent has no runtime.");
  };
  const endpointsOf = async (agentRuntimeId: string | undefined) => {
    const { runtimeEndpoints = [] } = await target.service.control.send(new ListAgentRuntimeEndpointsCommand({ agentRuntimeId }));
    return runtimeEndpoints.map(({ name }) => name).filter((name) => name !== "DEFAULT");
  };

  test("keeps one runtime an agent, tagged, and makes room for endpoints; one that gave way is made again when it is called", async () => {
    const agent = new TestAgent(target, {});
    await agent.deploy(named("v1"));
    const first = agent.ref();
    for (const version of ["v2", "v3", "v4"]) await agent.deploy(named(version));
    const runtime = await runtimeOf(agent);
    expect(runtime.agentRuntimeName).toMatch(/^whs_[0-9a-f]{16}_[0-9a-f]{24}$/);
    expect(runtime.tags).toEqual({ userId: agent.userId, agentId: agent.agentId, managedBy: "whs" });
    expect(await endpointsOf(runtime.agentRuntimeId)).not.toContain(first.deploymentId);
    expect((await agent.invoke("x")).output.text).toBe("v4");
    const input = { ...agent.input("x"), ...first };
    expect((await target.provider.invoke(input)).output.text).toBe("v1");
    expect(await endpointsOf(runtime.agentRuntimeId)).toContain(first.deploymentId);
    expect(target.reports(input.eventId)).toBe(1);
  });

  test("gives an agent the way out by whichever of Node's clients it asks first, in a thread and in another program too", async () => {
    const agent = new TestAgent(target, {});
    await agent.deploy(
      `const url = "http://${OPENED}:${portOf(opened)}/";
       const textOf = (http) => new Promise((resolve, reject) =>
         http.get(url, async (answer) => { let text = ""; for await (const chunk of answer) text += chunk; resolve(text); }).on("error", reject));
       const asks = "fetch(" + JSON.stringify(url) + ").then((answer) => answer.text())";
       const ways = {
         fetch: async () => (await fetch(url)).text(),
         import: async () => textOf(await import("node:http")),
         builtin: async () => textOf(process.getBuiltinModule("http")),
         thread: async () => {
           const { Worker } = await import("node:worker_threads");
           const thread = new Worker(asks + ".then((text) => require('node:worker_threads').parentPort.postMessage(text))", { eval: true });
           return new Promise((resolve, reject) => thread.once("message", resolve).once("error", reject));
         },
         program: async () => {
           const { execFile } = await import("node:child_process");
           return new Promise((resolve, reject) => execFile(process.execPath, ["-e", asks + ".then((text) => process.stdout.write(text))"], (error, text) => error ? reject(error) : resolve(text)));
         },
       };
       export default { invoke: ({ messages }) => ways[messages[0].content]() };`,
      { sessionful: true },
    );
    const ways = ["fetch", "import", "builtin", "thread", "program"];
    // A container each, so that none finds what another has done.
    const answers = ways.map((way) => agent.invoke(way, { providerSessionId: `ses_${way}` }));
    expect((await Promise.all(answers)).map(({ output }) => output.text)).toEqual(ways.map(() => "opened"));
  });

  test("goes on where a deploy was interrupted", async () => {
    const agent = new TestAgent(target, {});
    await agent.deploy(named("whole"));
    const { agentRuntimeId } = await runtimeOf(agent);
    const { deploymentId } = agent.ref();
    // As if the process had died before it made the endpoint.
    await target.service.control.send(new DeleteAgentRuntimeEndpointCommand({ agentRuntimeId, endpointName: deploymentId }));
    await vi.waitFor(async () => expect(await endpointsOf(agentRuntimeId)).toEqual([]), { timeout: 60_000 });
    await agent.redeploy();
    expect(await endpointsOf(agentRuntimeId)).toEqual([deploymentId]);
    expect((await agent.invoke("x")).output.text).toBe("whole");
  });

  test("ends a container that does not even hear that it should stop, and the next call gets another", async () => {
    const agent = new TestAgent(target, {});
    await agent.deploy(`export default { invoke({ messages }) { if (messages[0].content === "spin") for (;;); return "fine"; } };`, {
      sessionful: true,
    });
    const session = { providerSessionId: "ses_spin" };
    expect(await failure(agent.invoke("spin", { ...session, timeoutMs: 500 }))).toMatchObject({ kind: "timeout", retryable: true });
    await vi.waitFor(async () => expect((await agent.invoke("x", { ...session, timeoutMs: 2_000 })).output.text).toBe("fine"), {
      timeout: 25_000,
      interval: 500,
    });
  });

  test("a container that ends while it answers is an error worth another try, reported once", async () => {
    const agent = new TestAgent(target, {});
    await agent.deploy(`export default { invoke({ messages }) { if (messages[0].content === "exit") process.exit(3); return "fine"; } };`);
    const input = agent.input("exit");
    expect(await failure(target.provider.invoke(input))).toMatchObject({ kind: "runtime", retryable: true, reached: true });
    expect(await target.event(input.eventId)).toMatchObject({ errors: 1, errorClass: "runtime" });
    await vi.waitFor(async () => expect((await agent.invoke("x")).output.text).toBe("fine"), { timeout: 60_000 });
  });

  test("a service that is away is worth another try, and nothing was reached", async () => {
    const away = openAdapter(target.service, { endpoint: "http://127.0.0.1:1" });
    const agent = new TestAgent(target, {});
    await agent.deploy(named("x"));
    const lost = await failure(away.provider.invoke(agent.input("x")));
    expect(lost).toMatchObject({ kind: "transient", retryable: true, reached: false });
    expect(await failure(new TestAgent(away, {}).deploy(named("y")))).toMatchObject({ kind: "transient", retryable: true });
    expect(await away.provider.healthcheck()).toMatchObject({ healthy: false });
    await away.close();
  });

  test("without storage for sessions, one that goes on after its container has ended is expired, not begun anew", async () => {
    const forgetful = openAdapter(target.service, { sessionStorage: false });
    const agent = new TestAgent(forgetful, {});
    await agent.deploy(
      `export default { async invoke({ session }) { const n = ((await session.storage.get("n")) ?? 0) + 1; await session.storage.put("n", n); return "turn " + n; } };`,
      { sessionful: true },
    );
    const session = { providerSessionId: "ses_short", continuesSession: true };
    expect((await agent.invoke("x", { providerSessionId: "ses_short" })).output.text).toBe("turn 1");
    expect((await agent.invoke("x", session)).output.text).toBe("turn 2");
    await forgetful.provider.destroySession({ ...agent.ref(), providerSessionId: "ses_short" });
    expect(await failure(agent.invoke("x", session))).toMatchObject({ kind: "session", retryable: false, message: "Session expired." });
    await forgetful.close();
  });
});
