import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ProviderError } from "@whs/runtimes";
import { failure, TestAgent } from "@whs/runtimes/conformance";
import { Pool } from "undici";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DataPlane } from "./data-plane.ts";

const COUNTER = `export default { async invoke({ session }) {
  const n = ((await session.storage.get("n")) ?? 0) + 1;
  await session.storage.put("n", n);
  return "turn " + n;
} };`;
const SLOW = `export default { async invoke({ messages }) { await new Promise((resolve) => setTimeout(resolve, Number(messages[0].content))); return "done"; } };`;

describe("the life of supervisor and cells", () => {
  let plane: DataPlane;
  beforeEach(async () => {
    plane = await DataPlane.start({ environment: { WHS_CELL_IDLE_SECONDS: "1", WHS_CELL_HEARTBEAT_MS: "100" } });
  });
  afterEach(() => plane.close());

  async function agent(source: string, sessionful = false): Promise<TestAgent> {
    const made = new TestAgent(plane, {});
    await made.deploy(source, { sessionful });
    return made;
  }

  test("after kill -9 of a cell its running invocations end with a retryable error, and sessions go on", async () => {
    const counter = await agent(COUNTER, true);
    await counter.invoke("x", { providerSessionId: "ses_1" });
    const slow = new TestAgent(plane, { userId: counter.userId });
    await slow.deploy(SLOW);
    const running = failure(slow.invoke("20000"));
    const [cell] = await until("a busy cell", async () => nonEmpty(await cellPids(plane)));
    await until("the invocation to have begun", async () => ((await heartbeat(plane)) > 0 ? true : undefined));
    process.kill(Number(cell), "SIGKILL");
    expect(await running).toMatchObject({ kind: "runtime", retryable: true, reached: true });
    expect(await answerOf(() => counter.invoke("x", { providerSessionId: "ses_1" }))).toBe("turn 2");
  });

  test("after kill -9 of the supervisor no cell is left, and a new one serves everything without being told", async () => {
    const counter = await agent(COUNTER, true);
    await counter.invoke("x", { providerSessionId: "ses_1" });
    const pids = await cellPids(plane);
    expect(pids.length).toBeGreaterThan(0);
    await plane.stopSupervisor("SIGKILL");
    await until("the cells to be gone", async () => ((await cellPids(plane)).length === 0 ? true : undefined));
    // A connection kept from before may look open for a moment more; whatever the caller meets is worth another try.
    await until("calls to be refused before they reach anything", async () => {
      const refused = await failure(counter.invoke("x", { providerSessionId: "ses_1" }));
      expect(refused).toMatchObject({ retryable: true });
      return refused.kind === "transient" && !refused.reached ? true : undefined;
    });
    await plane.startSupervisor();
    expect(await answerOf(() => counter.invoke("x", { providerSessionId: "ses_1" }))).toBe("turn 2");
  });

  test("an idle cell stops, and the next request starts it again with its sessions", async () => {
    const counter = await agent(COUNTER, true);
    await counter.invoke("x", { providerSessionId: "ses_1" });
    await until("the cell to stop", async () => ((await cellPids(plane)).length === 0 ? true : undefined));
    expect((await counter.invoke("x", { providerSessionId: "ses_1" })).output.text).toBe("turn 2");
  });

  test("a cell in which an invocation runs is not idle", async () => {
    const slow = await agent(SLOW);
    expect((await slow.invoke("2500")).output.text).toBe("done");
  });

  test("SIGTERM lets running invocations end, delivers their telemetry, and exits with 0", async () => {
    const slow = await agent(SLOW);
    await slow.invoke("1");
    const input = slow.input("800");
    const running = plane.provider.invoke(input);
    await until("the invocation to have begun", async () => ((await heartbeat(plane)) > 0 ? true : undefined));
    const code = await plane.stopSupervisor("SIGTERM");
    expect((await running).output.text).toBe("done");
    expect(code).toBe(0);
    expect(await plane.event(input.eventId)).toMatchObject({ errors: 0 });
    expect(await cellPids(plane)).toEqual([]);
  });

  test("a second supervisor on the same data is refused", async () => {
    await expect(DataPlane.prototype.startSupervisor.call(Object.create(plane) as DataPlane)).rejects.toThrow(
      /Another supervisor, process \d+/,
    );
    const counter = await agent(COUNTER, true);
    expect((await counter.invoke("x", { providerSessionId: "ses_1" })).output.text).toBe("turn 1");
  });

  test("many first requests at once start one cell", async () => {
    const counter = await agent(SLOW);
    await until("the cell to stop", async () => ((await cellPids(plane)).length === 0 ? true : undefined));
    await Promise.all(Array.from({ length: 20 }, () => counter.invoke("1")));
    expect(await cellPids(plane)).toHaveLength(1);
  });

  test("a second gateway process uses the same cell", async () => {
    const counter = await agent(COUNTER, true);
    await counter.invoke("x", { providerSessionId: "ses_1" });
    const other = plane.secondProvider();
    try {
      expect((await other.invoke(counter.input("x", { providerSessionId: "ses_1" }))).output.text).toBe("turn 2");
    } finally {
      await other.close();
    }
  });
});

describe("deployments", () => {
  let plane: DataPlane;
  beforeAll(async () => {
    plane = await DataPlane.start();
  });
  afterAll(() => plane.close());

  test("a stream that runs in a session ends by the code that began it, and the next call runs the new code", async () => {
    const made = new TestAgent(plane, {});
    const source = `export default { async *invoke({ session }) {
      await session.storage.put("n", ((await session.storage.get("n")) ?? 0) + 1);
      for (let i = 0; i < 10; i++) { yield "old "; await new Promise((resolve) => setTimeout(resolve, 50)); }
    } };`;
    await made.deploy(source, { sessionful: true });
    await made.invoke("x", { providerSessionId: "ses_1" });
    let begun: (() => void) | undefined;
    const first = new Promise<void>((resolve) => (begun = resolve));
    const streaming = (async () => {
      let text = "";
      for await (const event of plane.provider.invokeStream(made.input("x", { providerSessionId: "ses_1" }))) {
        begun?.();
        if (event.type === "delta") text += event.text;
      }
      return text;
    })();
    await first;
    await made.deploy(COUNTER, { sessionful: true });
    expect((await made.invoke("x", { providerSessionId: "ses_1" })).output.text).toBe("turn 3");
    expect(await streaming).toBe("old ".repeat(10));
  });

  test("a secret that cannot be read is no fault of the author, and the deployment can be made again", async () => {
    const made = new TestAgent(plane, {});
    made.secrets = { revision: 1, refs: { KEY: "no-such-kind-of-reference" } };
    expect(await failure(made.deploy(SLOW))).toMatchObject({ kind: "transient", retryable: true, reached: false });
    made.secrets = { revision: 1, refs: {} };
    await made.deploy(SLOW);
    expect((await made.invoke("1")).output.text).toBe("done");
  });
});

describe("a cell that is worn out", () => {
  test("is replaced while requests keep coming, without a failed one and with its sessions", async () => {
    const plane = await DataPlane.start({ environment: { WHS_CELL_MAX_LOADS: "10", WHS_CELL_HEARTBEAT_MS: "100" } });
    try {
      const counter = new TestAgent(plane, {});
      await counter.deploy(COUNTER, { sessionful: true });
      const [first] = await cellPids(plane);
      let stop = false;
      let answered = 0;
      const callers = ["ses_1", "ses_2", "ses_3"].map(async (providerSessionId) => {
        for (let turn = 1; !stop; turn += 1) {
          expect((await counter.invoke("x", { providerSessionId })).output.text).toBe(`turn ${turn}`);
          answered += 1;
        }
      });
      const other = new TestAgent(plane, { userId: counter.userId });
      for (let version = 0; version < 25; version += 1) await other.deploy(SLOW);
      await until("another process", async () => ((await cellPids(plane)).every((pid) => pid !== first) ? true : undefined));
      const before = answered;
      await until("answers of the new process", async () => (answered > before + 10 ? true : undefined));
      stop = true;
      await Promise.all(callers);
    } finally {
      await plane.close();
    }
  });

  test("is replaced when it has come to use most of its memory, before it is killed for it", async () => {
    const plane = await DataPlane.start({ environment: { WHS_CELL_MEMORY_MB: "256", WHS_CELL_HEARTBEAT_MS: "50" } });
    try {
      const leaky = new TestAgent(plane, {});
      await leaky.deploy(
        `const held = []; export default { invoke() { held.push(new Uint8Array(2 * 1024 * 1024).fill(held.length)); return String(held.length); } };`,
      );
      const [first] = await cellPids(plane);
      let most = 0;
      for (let calls = 0; calls < 150; calls += 1) {
        const held = Number(await answerOf(() => leaky.invoke("x")));
        if (held < most) break;
        most = held;
      }
      expect(most).toBeLessThan(150);
      expect(plane.log).toMatch(/recycled at \d+ MB/);
      expect(plane.log).not.toMatch(/it ended by SIGKILL/);
      expect(await cellPids(plane)).not.toContain(first);
    } finally {
      await plane.close();
    }
  });
});

describe("a node that is full", () => {
  test("stops an idle tenant's cell to make room, and refuses when all are busy", async () => {
    const plane = await DataPlane.start({ environment: { WHS_CELL_MAX_RUNNING: "1", WHS_CELL_HEARTBEAT_MS: "100" } });
    try {
      const one = new TestAgent(plane, {});
      await one.deploy(SLOW);
      const two = new TestAgent(plane, {});
      await until("room for a second tenant", () => two.deploy(SLOW).then(() => true, retryable));
      const running = until("the first tenant again", () => one.invoke("3000").then(({ output }) => output.text, retryable));
      await until("the invocation to have begun", async () => ((await heartbeat(plane)) > 0 ? true : undefined));
      await until("the node to refuse", () =>
        two.invoke("1").then(
          () => undefined,
          (error: unknown) => (error instanceof ProviderError && error.kind === "capacity" ? true : undefined),
        ),
      );
      expect(await running).toBe("done");
    } finally {
      await plane.close();
    }
  });
});

/** Pids of running cells, by the owner files that the supervisor keeps. */
async function cellPids(plane: DataPlane): Promise<number[]> {
  const tenants = join(plane.folder, "dataplane", "tenants");
  const pids: number[] = [];
  for (const tenant of await readdir(tenants).catch(() => [])) {
    const text = await readFile(join(tenants, tenant, "owner.json"), "utf8").catch(() => null);
    if (text === null) continue;
    const { pid } = JSON.parse(text) as { pid: number };
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "Z");
    if (!/\) Z |^Z/.test(stat)) pids.push(pid);
  }
  return pids;
}

/** Invocations that run in the only cell. */
async function heartbeat(plane: DataPlane): Promise<number> {
  const run = join(plane.folder, "run");
  const cell = (await readdir(run, { withFileTypes: true })).find((entry) => entry.isDirectory());
  if (cell === undefined) return 0;
  const pool = new Pool("http://cell", { socketPath: join(run, cell.name, "main.sock") });
  try {
    const { body } = await pool.request({ method: "GET", path: "/heartbeat" });
    return ((await body.json()) as { inFlight: number }).inFlight;
  } catch (error) {
    // The cell is just being replaced.
    if (error instanceof Error && "code" in error) return 0;
    throw error;
  } finally {
    await pool.close();
  }
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const untilMs = Date.now() + 15_000; Date.now() < untilMs;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Waited too long for ${what}.`);
}

function nonEmpty<T>(list: T[]): T[] | undefined {
  return list.length > 0 ? list : undefined;
}

function retryable(error: unknown): undefined {
  if (!(error instanceof ProviderError) || !error.retryable) throw error;
}

/** Asks again as a client does who is told that it is worth it. */
async function answerOf(ask: () => Promise<{ output: { text: string } }>): Promise<string> {
  return until("an answer", () => ask().then(({ output }) => output.text, retryable));
}
