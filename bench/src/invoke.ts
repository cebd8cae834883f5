import { createToken, getMe } from "@whs/api";
import { request } from "undici";
import { Agent } from "undici";
import path from "node:path";
import { median, publish, round } from "./figures.ts";
import { httpRequest, type LoadPlan, type LoadResult, runLoad } from "./load.ts";
import { deployAgent, newAgent, startSubject, type Subject } from "./subject.ts";

const rounds = 3;
/** Until both sides run what their compilers made of it: a server is not measured in its first thousand requests. */
const firstWarmUpMs = 15_000;
const warmUpMs = 1_000;
const measureMs = 4_000;
const source = `export default { async *invoke({ messages }) { yield messages.at(-1).content; } };`;
const body = JSON.stringify({ input: { prompt: "hello" } });

type Side = Omit<LoadPlan, "connections" | "warmUpMs" | "measureMs">;

/** The gateway against the same cell called directly on its socket, side by side in each round. */
export async function benchInvoke(): Promise<void> {
  const subject = await startSubject();
  try {
    const sides = await prepare(subject);
    const rows = [];
    for (const [name, { direct, gateway }] of Object.entries(sides)) {
      for (const side of [direct, gateway]) await runLoad({ ...side, connections: 32, warmUpMs: firstWarmUpMs, measureMs: 1_000 });
      for (const connections of [1, 32]) rows.push(await compare(name, connections, direct, gateway));
    }
    await publish({ benchmark: "invoke", rows });
  } finally {
    await subject.stop();
  }
}

async function prepare({ stack, person }: Subject): Promise<Record<string, { direct: Side; gateway: Side }>> {
  const agentId = await newAgent(person.client, "bench-echo");
  const deployment = await deployAgent(person.client, agentId, source, { sessionful: false });
  const { secret } = await person.client.call(createToken, { body: { name: "bench", scopes: ["invoke"] } });
  const { user } = await person.client.call(getMe, {});
  const cell = await cellSocket(stack.dataDir, user.id);
  const whs = new URL(stack.endpoints.whs ?? "");
  const direct = (verb: string): Side => ({
    target: { path: cell },
    request: httpRequest(
      `/${verb}/${deployment.id}/{{evt}}/{{trc}}/5/60000`,
      "cell",
      {},
      JSON.stringify({ messages: [{ role: "user", content: "hello" }], options: {} }),
    ),
  });
  const gateway = (route: string): Side => ({
    target: { host: whs.hostname, port: Number(whs.port) },
    request: httpRequest(route, whs.host, { authorization: `Bearer ${secret}` }, body),
  });
  return {
    JSON: { direct: direct("invoke"), gateway: gateway(`/v1/invoke/${agentId}`) },
    SSE: { direct: direct("stream"), gateway: gateway(`/v1/invoke/${agentId}/stream`) },
  };
}

/** Asks the supervisor, as the gateway does, where the tenant's cell listens. */
async function cellSocket(dataDir: string, userId: string): Promise<string> {
  const dispatcher = new Agent({ connect: { socketPath: path.join(dataDir, "run/supervisor.sock") } });
  const answer = await request("http://supervisor/cells/ensure", {
    method: "POST",
    dispatcher,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ userId }),
  });
  const { socketPath } = (await answer.body.json()) as { socketPath: string };
  await dispatcher.close();
  return socketPath;
}

async function compare(form: string, connections: number, direct: Side, gateway: Side): Promise<Record<string, string | number>> {
  const results: { direct: LoadResult[]; gateway: LoadResult[] } = { direct: [], gateway: [] };
  for (let turn = 0; turn < rounds; turn++) {
    for (const side of ["direct", "gateway"] as const) {
      results[side].push(await runLoad({ ...(side === "direct" ? direct : gateway), connections, warmUpMs, measureMs }));
    }
  }
  const of = (side: "direct" | "gateway", key: "perSecond" | "p50Ms" | "p99Ms"): number =>
    median(results[side].map((result) => result[key]));
  return {
    form,
    connections,
    "direct/s": round(of("direct", "perSecond"), 0),
    "gateway/s": round(of("gateway", "perSecond"), 0),
    ratio: round(of("gateway", "perSecond") / of("direct", "perSecond"), 2),
    "direct p50 ms": round(of("direct", "p50Ms"), 2),
    "gateway p50 ms": round(of("gateway", "p50Ms"), 2),
    "added p50 ms": round(of("gateway", "p50Ms") - of("direct", "p50Ms"), 2),
    "added p99 ms": round(of("gateway", "p99Ms") - of("direct", "p99Ms"), 2),
  };
}
