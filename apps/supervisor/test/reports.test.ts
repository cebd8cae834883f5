import { TestAgent } from "@whs/runtimes/conformance";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DataPlane } from "./data-plane.ts";

const ECHO = `export default { invoke: ({ messages }) => "echo: " + messages[0].content };`;

describe("what cells report", () => {
  let plane: DataPlane;
  beforeEach(async () => {
    plane = await DataPlane.start({ environment: { WHS_CELL_LOG_LINES_PER_SECOND: "5" } });
  });
  afterEach(() => plane.close());

  async function agent(source: string): Promise<TestAgent> {
    const made = new TestAgent(plane, {});
    await made.deploy(source);
    return made;
  }
  /** Ids of ten invocations, one after the other. */
  async function invokeTen(made: TestAgent): Promise<string[]> {
    const inputs = Array.from({ length: 10 }, () => made.input("x"));
    for (const input of inputs) await plane.provider.invoke(input);
    return inputs.map(({ eventId }) => eventId);
  }

  test("events outlive an outage of the control plane and kill -9 of the supervisor, and are delivered", async () => {
    const made = await agent(ECHO);
    plane.peer.outage = 503;
    const ids = await invokeTen(made);
    await plane.peer.until("a delivery that failed", () => (ids.every((id) => plane.peer.wire.includes(id)) ? true : undefined));
    await plane.stopSupervisor("SIGKILL");
    plane.peer.outage = null;
    expect(plane.peer.events.size).toBe(0);
    await plane.startSupervisor();
    for (const id of ids) await plane.event(id);
    expect(plane.peer.badSignatures).toEqual([]);
  });

  test("what was delivered is not delivered again by the next start", async () => {
    const made = await agent(ECHO);
    const ids = await invokeTen(made);
    for (const id of ids) await plane.event(id);
    expect(await plane.stopSupervisor()).toBe(0);
    await plane.startSupervisor();
    const [last = ""] = (await invokeTen(made)).slice(-1);
    await plane.event(last);
    expect(new Set(plane.peer.deliveries).size).toBe(plane.peer.deliveries.length);
  });

  test("events are signed with the deployment's key of the version that was set last", async () => {
    const made = await agent(ECHO);
    await plane.provider.setTelemetryKey({ ...made.ref(), telemetry: { rootKeyId: "1", keyVersion: 2 } });
    const [id = ""] = await invokeTen(made);
    await plane.event(id);
    await plane.provider.setTelemetryKey({ ...made.ref(), telemetry: { rootKeyId: "1", keyVersion: 3 } });
    await invokeTen(made);
    // The receiver knows versions 1 and 2 only.
    expect(await plane.peer.until("a signature that the receiver refuses", () => plane.peer.badSignatures[0])).toContain(
      made.ref().deploymentId,
    );
  });

  test("the error of an agent that was not caught is in its log with its trace", async () => {
    const made = await agent(
      `export default { invoke() { setTimeout(() => { throw new Error("later"); }, 0); return new Promise((resolve) => setTimeout(() => resolve("ok"), 50)); } };`,
    );
    await made.call({ traceId: "trc_uncaught01", messages: [{ role: "user", content: "x" }] });
    expect(await plane.line(({ message }) => message.includes("later"))).toMatchObject({ level: "error", traceId: "trc_uncaught01" });
  });

  test("an agent that floods its log is cut off, and the log says how much is missing", async () => {
    const made = await agent(
      `export default { invoke({ messages }) { for (let i = 0; i < Number(messages[0].content); i++) console.log("line " + i); return "ok"; } };`,
    );
    await made.invoke("200");
    await plane.line(({ message }) => message === "line 49");
    for (let missing: unknown; missing === undefined;) {
      await made.invoke("1");
      missing = plane.peer.lines.find(({ message }) => /\d+ lines were left out/.test(message));
    }
    expect(plane.peer.lines.some(({ message }) => message === "line 150")).toBe(false);
  });

  test("a long line is cut to 8 KiB, at a character's border", async () => {
    const made = await agent(`export default { invoke() { console.log("ü".repeat(10000)); return "ok"; } };`);
    await made.invoke("x");
    const { message } = await plane.line((line) => line.message.startsWith("üü"));
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(8192);
    expect(message).toMatch(/^ü+ …$/);
  });

  test("secrets of every kind are taken out of log lines, the agent's own in any spelling", async () => {
    const made = new TestAgent(plane, {});
    const secret = "S3cret/Value+with=signs";
    made.secrets = { revision: 1, refs: { OWN: await plane.putSecret(secret) } };
    await made.deploy(
      `export default { invoke({ env }) { console.log("own", env.OWN, encodeURIComponent(env.OWN), btoa(env.OWN), "Bearer abcdefghijklmnop1234"); return "ok"; } };`,
    );
    await made.invoke("x");
    await plane.line(({ message }) => message.startsWith("own"));
    for (const form of [secret, encodeURIComponent(secret), btoa(secret), "abcdefghijklmnop1234"])
      expect(plane.received()).not.toContain(form);
    expect(plane.log).not.toContain(secret);
  });
});
