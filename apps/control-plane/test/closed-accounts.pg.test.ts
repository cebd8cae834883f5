import { createLogger } from "@whs/platform/log";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type App, createApp } from "../src/app.ts";
import { createAgent, deploy } from "./deploy.ts";
import { type EventReader, openReader } from "./event-reader.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";
import { seedActiveAgent } from "./seed.ts";

const operatorToken = "operator-token-of-this-test-000003";
let plane: TestControlPlane;
let secondNode: App;
let nodes: string[];
beforeAll(async () => {
  plane = await startControlPlane({ dataPlane: true, environment: { WHS_OPERATOR_TOKEN: operatorToken } });
  secondNode = await createApp(plane.config, createLogger({ name: "second-node", level: "silent" }));
  nodes = [plane.url, await secondNode.server.listen({ host: "127.0.0.1", port: 0 })];
});
afterAll(async () => {
  await secondNode.close();
  await plane.close();
});

const bearer = (person: TestUser) => ({ authorization: `Bearer ${person.token}` });
const followLogs = (person: TestUser, deploymentId: string): Promise<EventReader[]> =>
  Promise.all(nodes.map((url) => openReader(`${url}/v1/deployments/${deploymentId}/logs?follow=true`, { headers: bearer(person) })));

/** Whether the connection is over, one way or another; undefined while it goes on. */
function endOf(reader: EventReader): { over: boolean } {
  const state = { over: false };
  void reader.rest().then(
    () => (state.over = true),
    () => (state.over = true),
  );
  return state;
}

describe("disabling an account", () => {
  it("cuts what it follows at every node, at once: its logs, its streams and those it has resumed", async () => {
    const person = await plane.user("closed");
    const agentId = await createAgent(person, "endless");
    const deployment = await deploy(
      person,
      agentId,
      `export default { async *invoke() { for (let n = 0; ; n++) { yield "word " + n; await new Promise((resolve) => setTimeout(resolve, 50)); } } };`,
    );
    const stream = await openReader(`${plane.url}/v1/invoke/${agentId}/stream`, {
      method: "POST",
      headers: { ...bearer(person), "content-type": "application/json" },
      body: JSON.stringify({ input: { prompt: "talk" }, options: { detach: true } }),
    });
    const [meta] = await stream.take(3);
    const resume = (url: string): Promise<EventReader> =>
      openReader(`${url}/v1/invoke/${agentId}/stream/${String(meta?.data["streamId"])}`, { headers: bearer(person) });
    const resumed = await Promise.all(nodes.map(resume));
    await Promise.all(resumed.map((reader) => reader.take(3)));
    const followed = [stream, ...resumed, ...(await followLogs(person, deployment.id))];
    expect(followed.map(({ response }) => response.status)).toEqual([200, 200, 200, 200, 200]);

    const neighbour = await plane.user("neighbour");
    const { deploymentId } = await seedActiveAgent(plane, neighbour, "neighbour");
    const others = await followLogs(neighbour, deploymentId);

    const ends = followed.map(endOf);
    const othersEnds = others.map(endOf);
    const { status } = await plane.as(operatorToken)("POST", `/v1/operator/users/${person.externalId}/disable`);
    expect(status).toBe(200);
    await expect.poll(() => ends.map(({ over }) => over)).toEqual([true, true, true, true, true]);
    for (const url of nodes) expect((await resume(url)).response.status).toBe(403);
    expect(othersEnds.map(({ over }) => over)).toEqual([false, false]);
    for (const reader of others) reader.leave();
  });
});
