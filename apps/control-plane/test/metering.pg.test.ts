import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { newId } from "@whs/platform/ids";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { createAgent, deploy } from "./deploy.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

/** Says as many tokens as it is told to, after as many milliseconds. */
const agent = `export default { async invoke({ messages }: any) {
  const { tokens, ms } = JSON.parse(messages[0].content);
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  return { text: "ok", usage: { tokens } };
} };`;

/** Stands between supervisor and control plane; while it is off, nothing that is reported arrives. */
class Reports {
  off = false;
  target = "";
  refused = 0;
  private readonly server: Server = createServer((request, response) => {
    void this.pass(request).then(({ status, body }) => response.writeHead(status, { "content-type": "application/json" }).end(body));
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private async pass(request: IncomingMessage): Promise<{ status: number; body: string }> {
    const body = await buffer(request);
    if (this.off) {
      this.refused += 1;
      return { status: 503, body: "{}" };
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => name === "content-type" || name.startsWith("x-")),
    ) as Record<string, string>;
    const answer = await fetch(this.target + (request.url ?? ""), { method: "POST", headers, body: new Uint8Array(body) });
    return { status: answer.status, body: await answer.text() };
  }

  async close(): Promise<void> {
    await new Promise((resolve) => {
      this.server.close(resolve);
      this.server.closeAllConnections();
    });
  }
}

let plane: TestControlPlane;
let directory: string;
const reports = new Reports();
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "whs-tiers-"));
  const tiers = parse(await readFile(path.resolve(import.meta.dirname, "../../../config/tiers.yaml"), "utf8"));
  for (const tier of Object.values<object>(tiers.tiers))
    Object.assign(tier, { maxConcurrentInvocations: 1000, maxRequestsPerSecond: 10_000 });
  tiers.tiers.free.maxRequestsPerPeriod = 50;
  tiers.tiers.starter.maxTokensPerPeriod = 1000;
  tiers.tiers.pro.maxComputeMsPerPeriod = 1500;
  await writeFile(path.join(directory, "tiers.yaml"), stringify(tiers));
  const url = await reports.listen();
  plane = await startControlPlane({
    dataPlane: true,
    environment: { WHS_TIERS_FILE: path.join(directory, "tiers.yaml") },
    supervisorEnvironment: { WHS_API_URL: url },
  });
  reports.target = plane.url;
});
afterAll(async () => {
  await plane.close();
  await reports.close();
  await rm(directory, { recursive: true, force: true });
});

interface Usage {
  totals: { requests: number; tokens: number; computeMs: number };
  pending: { requests: number; tokens: number; computeMs: number };
}
interface Caller {
  person: TestUser;
  invoke(tokens: number, ms?: number): Promise<{ status: number; body: Record<string, unknown> }>;
  usage(): Promise<Usage>;
}

async function callerOf(tier: string): Promise<Caller> {
  const person = await plane.user(tier);
  // On the plan before it is seen first: no gateway remembers another one.
  await plane.pool.query("insert into whs.users (id, external_id, subscription_tier) values ($1, $2, $3)", [
    newId("usr"),
    person.externalId,
    tier,
  ]);
  const agentId = await createAgent(person, `metered-${tier}`);
  await deploy(person, agentId, agent);
  return {
    person,
    invoke: (tokens, ms = 0) => person.request("POST", `/v1/invoke/${agentId}`, { input: { prompt: JSON.stringify({ tokens, ms }) } }),
    usage: async () => (await person.request<Usage>("GET", "/v1/billing/usage")).body,
  };
}

const counted = (caller: Caller) => async (): Promise<[requests: number, pending: number]> => {
  const { totals, pending } = await caller.usage();
  return [totals.requests, pending.requests];
};
const refusal = (limitType: string) => ({ status: 402, body: { error: { code: "LIMIT_EXCEEDED", details: { limitType } } } });

describe("a plan's budget is a hard stop", () => {
  it("for requests: of 200 at once exactly the 50 of the plan are accepted, the others name the limit", async () => {
    const caller = await callerOf("free");
    const answers = await Promise.all(Array.from({ length: 200 }, () => caller.invoke(1)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(50);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused).toHaveLength(150);
    for (const answer of refused) expect(answer).toMatchObject(refusal("requests"));
    await expect.poll(counted(caller), { timeout: 25_000 }).toEqual([50, 0]);
  });

  it("for tokens: it ends what was accepted beyond it by no more than ran at once, and then nothing runs", async () => {
    const caller = await callerOf("starter");
    // Predicted from the input's few characters, until the agent is known to use more.
    let accepted = 0;
    for (let refusedRounds = 0; refusedRounds < 2;) {
      const answers = await Promise.all(Array.from({ length: 5 }, () => caller.invoke(90)));
      for (const answer of answers.filter(({ status }) => status !== 200)) expect(answer).toMatchObject(refusal("tokens"));
      const more = answers.filter(({ status }) => status === 200).length;
      accepted += more;
      refusedRounds = more === 0 ? refusedRounds + 1 : 0;
      // What is not counted yet is taken for what was reserved for it.
      await expect.poll(counted(caller), { timeout: 25_000 }).toEqual([accepted, 0]);
    }
    expect((await caller.usage()).totals.tokens).toBe(accepted * 90);
    expect(accepted * 90).toBeLessThan(1000 + 5 * 90);
    expect(accepted).toBeGreaterThanOrEqual(5);
  });

  it("for compute: nothing begins once it is used up, however long the last one took", async () => {
    const caller = await callerOf("pro");
    let accepted = 0;
    // One after the other; each takes its 100 ms at the least. What is predicted to have no room is refused.
    for (let refused = 0; refused < 5;) {
      const { status } = await caller.invoke(1, 100);
      expect([200, 402]).toContain(status);
      if (status === 200) accepted += 1;
      refused = status === 402 ? refused + 1 : 0;
    }
    expect(accepted).toBeLessThanOrEqual(15);
    await expect.poll(counted(caller), { timeout: 25_000 }).toEqual([accepted, 0]);
    const { rows } = await plane.pool.query<{ ms: number }>(
      "select compute_ms as ms from whs.metrics_events e join whs.users u on u.id = e.user_id where u.external_id = $1 order by event_id",
      [caller.person.externalId],
    );
    expect(rows.slice(0, -1).reduce((sum, { ms }) => sum + ms, 0)).toBeLessThan(1500);
  });
});

describe("while no usage report arrives", () => {
  it("answers go on, and afterwards usage is exactly what was answered", async () => {
    const caller = await callerOf("enterprise");
    reports.off = true;
    const refusedBefore = reports.refused;
    const statuses: number[] = [];
    for (let round = 0; round < 20; round++)
      statuses.push(...(await Promise.all(Array.from({ length: 5 }, () => caller.invoke(3)))).map(({ status }) => status));
    expect(statuses).toEqual(Array.from({ length: 100 }, () => 200));
    await expect.poll(() => reports.refused).toBeGreaterThan(refusedBefore);
    const { totals, pending } = await caller.usage();
    expect(totals.requests + pending.requests).toBe(100);
    reports.off = false;
    await expect.poll(counted(caller), { timeout: 60_000 }).toEqual([100, 0]);
    expect((await caller.usage()).totals.tokens).toBe(300);
  }, 90_000);
});
