import type { Tier } from "@whs/api";
import { newId } from "@whs/platform/ids";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "vitest";
import { parse, stringify } from "yaml";
import { createAgent, deploy } from "./deploy.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";
import { seedActiveAgent } from "./seed.ts";

/** What every protocol's clients meet: agents that answer, people who may not ask, and limits that are reached. */
export interface ProtocolBed {
  plane: TestControlPlane;
  /** Owns `echo`, which is stateless and answers at once, and `counter`, which streams and counts the turns of its session. */
  owner: Person;
  echoId: string;
  counterId: string;
  /** Signed in, without agents. */
  stranger: Person;
  /** Owns `spent`, on a plan with nothing left. */
  broke: Person;
  /** Owns a `counter` of its own, on a plan that runs one invocation at once. */
  busy: Person;
  /** What is recorded of the invocations with a trace id, once there is something. */
  recorded(traceId: string): Promise<readonly { agent_id: string; status_code: number; error_code: string | null }[]>;
  close(): Promise<void>;
}

export interface Person extends TestUser {
  /** An API token with every scope. */
  key: string;
  /** A new API token with these scopes alone. */
  keyWith(...scopes: string[]): Promise<string>;
}

const echo = `export default { invoke({ messages }: any) { return "echo: " + messages.map((m: any) => m.role + " " + m.content).join(" | "); } };`;

/** `wait` goes on until it is stopped, `fail` fails after its first words. */
const counter = `export default { async *invoke({ messages, session }: any) {
  const turn = ((await session.storage.get("turns")) ?? 0) + 1;
  await session.storage.put("turns", turn);
  const text = messages.at(-1).content;
  yield "turn " + turn + ": ";
  if (text === "fail") throw new Error("The counter is broken");
  while (text === "wait") {
    await new Promise((resolve) => setTimeout(resolve, 20));
    yield ". ";
  }
  for (const word of text.split(" ")) yield word + " ";
  yield { usage: { tokens: 12, toolCalls: 0 } };
} };`;

export async function startProtocolBed(): Promise<ProtocolBed> {
  const directory = await mkdtemp(path.join(tmpdir(), "whs-tiers-"));
  const tiersFile = path.join(directory, "tiers.yaml");
  const catalog = parse(await readFile(path.resolve(import.meta.dirname, "../../../config/tiers.yaml"), "utf8"));
  Object.assign(catalog.tiers.starter, { maxRequestsPerPeriod: 0 });
  Object.assign(catalog.tiers.pro, { maxConcurrentInvocations: 1 });
  await writeFile(tiersFile, stringify(catalog));
  const plane = await startControlPlane({
    dataPlane: true,
    environment: { WHS_TIERS_FILE: tiersFile, WHS_HEARTBEAT_SECONDS: "1" },
  });
  const person = async (tier: Tier): Promise<Person> => {
    const somebody = await plane.user(tier);
    // On the plan before it is seen first: no gateway remembers another one.
    await plane.pool.query("insert into whs.users (id, external_id, subscription_tier) values ($1, $2, $3)", [
      newId("usr"),
      somebody.externalId,
      tier,
    ]);
    const keyWith = async (...scopes: string[]): Promise<string> => {
      const { body } = await somebody.request<{ secret: string }>("POST", "/v1/tokens", {
        name: "protocols",
        ...(scopes.length === 0 ? {} : { scopes }),
      });
      return body.secret;
    };
    return { ...somebody, key: await keyWith(), keyWith };
  };
  const [owner, stranger, broke, busy] = await Promise.all([person("enterprise"), person("free"), person("starter"), person("pro")]);
  const [echoId, counterId, busyCounterId] = await Promise.all([
    createAgent(owner, "echo", { description: "Says what it was told." }),
    createAgent(owner, "counter"),
    createAgent(busy, "counter"),
  ]);
  await seedActiveAgent(plane, broke, "spent");
  await deploy(owner, echoId, echo, { manifest: { sessionful: false } });
  await Promise.all([deploy(owner, counterId, counter), deploy(busy, busyCounterId, counter)]);
  return {
    plane,
    owner,
    echoId,
    counterId,
    stranger,
    broke,
    busy,
    async recorded(traceId) {
      let rows: { agent_id: string; status_code: number; error_code: string | null }[] = [];
      await expect
        .poll(async () => {
          const sql = "select agent_id, status_code, error_code from whs.invocations where trace_id = $1";
          ({ rows } = await plane.pool.query(sql, [traceId]));
          return rows.length;
        })
        .toBeGreaterThan(0);
      return rows;
    },
    async close() {
      await plane.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
