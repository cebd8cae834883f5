import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createWorkerdProvider, ProviderError } from "@whs/runtimes";
import { failure, TestAgent } from "@whs/runtimes/conformance";
import { Agent, request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataPlane } from "./data-plane.ts";

const COUNTER = `export default { async invoke({ session, env }) {
  const n = ((await session.storage.get("n")) ?? 0) + 1;
  await session.storage.put("n", n);
  return "turn " + n + (env.KEY === undefined ? "" : " " + env.KEY);
} };`;
const SLOW = `export default { async invoke({ messages }) { await new Promise((resolve) => setTimeout(resolve, Number(messages[0].content))); return "done"; } };`;
const NODES = ["a", "b", "c"] as const;
const SESSION = { providerSessionId: "ses_1" };

describe("nodes that share their storage", () => {
  let plane: DataPlane;
  beforeAll(async () => {
    plane = await DataPlane.start({ nodes: NODES, storage: "shared", environment: { WHS_CELL_HEARTBEAT_MS: "100" } });
  });
  afterAll(() => plane.close());

  const counter = async () => deployed(plane, COUNTER, true);

  test("tenants are spread over the nodes, and every gateway finds the same one", async () => {
    const agents = await Promise.all(Array.from({ length: 9 }, counter));
    for (const made of agents) await made.invoke("x", SESSION);
    const used = new Set(await Promise.all(agents.map(({ userId }) => nodeOf(plane, userId))));
    expect(used.size).toBeGreaterThan(1);
    const other = plane.secondProvider();
    for (const made of agents) expect((await other.invoke(made.input("x", SESSION))).output.text).toBe("turn 2");
    await other.close();
    expect(new Set(await Promise.all(agents.map(({ userId }) => nodeOf(plane, userId))))).toEqual(used);
  });

  test("when a node is killed, its tenants are served by another with their sessions; when it returns, they go home", async () => {
    const made = await counter();
    await made.invoke("x", SESSION);
    const home = await nodeOf(plane, made.userId);
    await plane.stopSupervisor("SIGKILL", home);
    // A cell may answer once more before it follows its supervisor.
    await expect
      .poll(async () => [await retried(() => made.invoke("x", SESSION)), await nodeOf(plane, made.userId)], { timeout: 60_000 })
      .toEqual([expect.stringMatching(/^turn [2-9]$/), expect.not.stringMatching(new RegExp(`^${home}$`))]);
    await made.deploy(COUNTER, { sessionful: true });
    await plane.startSupervisor({}, home);
    await expect
      .poll(async () => [await retried(() => made.invoke("x", SESSION)), await nodeOf(plane, made.userId)], { timeout: 60_000 })
      .toEqual([expect.stringMatching(/^turn \d+$/), home]);
    const [, turn] = (await retried(() => made.invoke("x", SESSION))).split(" ");
    expect(Number(turn)).toBeGreaterThan(2);
  });

  test("a node that is stopped lets its tenants go, and what runs ends", async () => {
    const made = await deployed(plane, SLOW);
    await made.invoke("1");
    const home = await nodeOf(plane, made.userId);
    const input = made.input("1000");
    const running = plane.provider.invoke(input);
    await expect.poll(() => cellsOn(made.userId)).toBe(1);
    expect(await plane.stopSupervisor("SIGTERM", home)).toBe(0);
    expect((await running).output.text).toBe("done");
    expect(await retried(() => made.invoke("1"))).toBe("done");
    expect(await nodeOf(plane, made.userId)).not.toBe(home);
    await plane.startSupervisor({}, home);
    await expect
      .poll(async () => [await retried(() => made.invoke("1")), await nodeOf(plane, made.userId)], { timeout: 60_000 })
      .toEqual(["done", home]);
  });

  test("a secret that is set while a tenant is away from home is what its home uses afterwards", async () => {
    const made = await counter();
    made.secrets = { revision: 1, refs: { KEY: await plane.putSecret("first") } };
    await made.deploy(COUNTER, { sessionful: true });
    expect((await made.invoke("x", SESSION)).output.text).toBe("turn 1 first");
    const home = await nodeOf(plane, made.userId);
    await plane.stopSupervisor("SIGKILL", home);
    const secrets = { revision: 2, refs: { KEY: await plane.putSecret("second") } };
    const { userId, agentId, deploymentId } = made.ref();
    await plane.provider.setSecrets({ userId, agentId, deploymentIds: [deploymentId], secrets });
    await expect.poll(() => retried(() => made.invoke("x", SESSION)), { timeout: 60_000 }).toMatch(/^turn [2-9] second$/);
    await plane.startSupervisor({}, home);
    await expect
      .poll(async () => [await retried(() => made.invoke("x", SESSION)), await nodeOf(plane, userId)], { timeout: 60_000 })
      .toEqual([expect.stringMatching(/^turn \d+ second$/), home]);
  });

  test("two gateways that send one tenant to different nodes never have two processes on its storage", async () => {
    const made = await counter();
    await made.invoke("x", SESSION);
    const providers = NODES.map((node) => createWorkerdProvider({ supervisors: [plane.socketPath(node)] }));
    let most = 0;
    let done = false;
    const watching = (async () => {
      while (!done) {
        most = Math.max(most, await cellsOn(made.userId));
      }
    })();
    for (let round = 0; round < 3; round += 1) {
      for (const provider of providers) {
        expect(await retried(() => provider.invoke(made.input("x", SESSION)))).toMatch(/^turn \d+$/);
      }
    }
    done = true;
    await watching;
    // Whoever is cut off by a hand-over asks again, and may have been counted.
    expect(await retried(() => made.invoke("x", SESSION))).toMatch(/^turn 1\d$/);
    expect(most).toBe(1);
    await Promise.all(providers.map((provider) => provider.close()));
  });

  test("backups of all nodes together hold every tenant once, and move none", async () => {
    const agents = await Promise.all(Array.from({ length: 3 }, counter));
    for (const made of agents) await made.invoke("x", SESSION);
    const homes = await Promise.all(agents.map(({ userId }) => nodeOf(plane, userId)));
    const saved: string[] = [];
    for (const node of NODES) {
      const folder = join(plane.folder, `backup-${node}`);
      const dispatcher = new Agent({ connect: { socketPath: plane.socketPath(node) } });
      const { statusCode, body } = await request("http://supervisor/backups/create", {
        method: "POST",
        dispatcher,
        body: JSON.stringify({ folder }),
      });
      expect({ statusCode, answer: await body.json() }).toMatchObject({ statusCode: 200 });
      await dispatcher.close();
      const { tenants } = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as { tenants: { userId: string }[] };
      saved.push(...tenants.map(({ userId }) => userId));
    }
    expect(new Set(saved).size).toBe(saved.length);
    expect(saved).toEqual(expect.arrayContaining(agents.map(({ userId }) => userId)));
    expect(await Promise.all(agents.map(({ userId }) => nodeOf(plane, userId)))).toEqual(homes);
  });

  test("a node without a name is refused on a storage directory that others share", async () => {
    await expect(plane.startSupervisor({ WHS_RUN_DIR: join(plane.folder, "other") })).rejects.toThrow(
      /give each of them a name by WHS_NODE/,
    );
  });
});

describe("nodes with storage of their own", () => {
  let plane: DataPlane;
  beforeAll(async () => {
    plane = await DataPlane.start({ nodes: ["a", "b"], storage: "own" });
  });
  afterAll(() => plane.close());

  test("a tenant whose node is away is told so, others are served, and with the node its sessions return", async () => {
    const agents: TestAgent[] = [];
    const homes: string[] = [];
    // Where a tenant goes is chance here, and both are needed.
    while (new Set(homes).size < 2 && agents.length < 30) {
      const made = await deployed(plane, COUNTER, true);
      await made.invoke("x", SESSION);
      agents.push(made);
      homes.push(await homeWithOwnStorage(plane, made.userId));
    }
    expect(new Set(homes)).toEqual(new Set(["a", "b"]));
    await plane.stopSupervisor("SIGKILL", "a");
    const of = (node: string) => agents.filter((_made, index) => homes[index] === node);
    for (const made of of("b")) expect(await retried(() => made.invoke("x", SESSION))).toBe("turn 2");
    for (const made of of("a"))
      await expect
        .poll(() => failure(made.invoke("x", SESSION)), { timeout: 60_000 })
        .toMatchObject({ kind: "transient", retryable: true, reached: false });
    await plane.startSupervisor({}, "a");
    const gateway = plane.secondProvider();
    for (const made of of("b")) expect(await retried(() => gateway.invoke(made.input("x", SESSION)))).toBe("turn 3");
    for (const made of of("a")) expect(await retried(() => gateway.invoke(made.input("x", SESSION)))).toMatch(/^turn [2-9]$/);
    await gateway.close();
  });
});

async function deployed(plane: DataPlane, source: string, sessionful = false): Promise<TestAgent> {
  const made = new TestAgent(plane, {});
  await made.deploy(source, { sessionful });
  return made;
}

/** Asks again as a client does who is told that it is worth it. */
async function retried(ask: () => Promise<{ output: { text: string } }>): Promise<string> {
  for (const untilMs = Date.now() + 20_000; ;) {
    try {
      return (await ask()).output.text;
    } catch (error) {
      if (!(error instanceof ProviderError) || !error.retryable || Date.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function tenantOf(userId: string): string {
  return createHash("sha256").update(userId).digest("hex");
}

/** The node that has the tenant's lock. */
async function nodeOf(plane: DataPlane, userId: string): Promise<string> {
  const folder = join(plane.storageDir(), "owners", tenantOf(userId));
  const newest = Math.max(...(await readdir(folder)).filter((name) => /^\d+$/.test(name)).map(Number));
  const { owner } = JSON.parse(await readFile(join(folder, String(newest)), "utf8")) as { owner: { socketPath: string } | null };
  return NODES.find((node) => plane.socketPath(node) === owner?.socketPath) ?? "nobody";
}

async function homeWithOwnStorage(plane: DataPlane, userId: string): Promise<string> {
  for (const node of ["a", "b"]) {
    // A node without a tenant has no such folder yet.
    const tenants: string[] = await readdir(join(plane.storageDir(node), "tenants")).catch(() => []);
    if (tenants.includes(tenantOf(userId))) return node;
  }
  return "nobody";
}

/** Cells that run on the tenant's storage: it is in their command, or bound into what they see of the file system. */
async function cellsOn(userId: string): Promise<number> {
  const tenant = tenantOf(userId);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [program = "", ...words] = (await readProc(`/proc/${pid}/cmdline`)).split("\0");
      if (!program.endsWith("workerd")) return false;
      return words.join(" ").includes(tenant) || (await readProc(`/proc/${pid}/mountinfo`)).includes(tenant);
    }),
  );
  return found.filter(Boolean).length;
}

/** Nothing for a process that has ended meanwhile. */
async function readProc(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
