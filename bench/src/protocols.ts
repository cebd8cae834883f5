import { createToken } from "@whs/api";
import { median, publish, round } from "./figures.ts";
import { httpRequest, type LoadPlan, type LoadResult, runLoad } from "./load.ts";
import { deployAgent, newAgent, startSubject, type Subject } from "./subject.ts";

/** Many short rounds: what else the machine does falls on all doors alike. */
const rounds = 11;
/** Until all doors run what their compilers made of them. */
const firstWarmUpMs = 6_000;
const measureMs = 800;
const source = `export default { async *invoke({ messages }) { yield messages.at(-1).content; } };`;

type Door = Omit<LoadPlan, "connections" | "warmUpMs" | "measureMs">;

/** Each protocol's door against `/v1/invoke` in the same form, by turns in each round: the same agent, credential and work. */
export async function benchProtocols(): Promise<void> {
  const subject = await startSubject();
  try {
    const forms = await prepare(subject);
    const rows = [];
    for (const [form, doors] of Object.entries(forms)) {
      for (const door of Object.values(doors)) await runLoad({ ...door, connections: 16, warmUpMs: firstWarmUpMs, measureMs: 500 });
      for (const connections of [1, 16])
        rows.push(...(await compare(form, connections, doors, () => cpuMs(subject.stack.endpoints.metrics ?? ""))));
    }
    await publish({ benchmark: "protocols", rows });
  } finally {
    await subject.stop();
  }
}

async function prepare({ stack, person }: Subject): Promise<Record<string, Record<string, Door>>> {
  const agentId = await newAgent(person.client, "bench-echo");
  await deployAgent(person.client, agentId, source, { sessionful: false });
  const { secret } = await person.client.call(createToken, { body: { name: "bench", scopes: ["invoke"] } });
  const whs = new URL(stack.endpoints.whs ?? "");
  const door = (path: string, body: unknown): Door => ({
    target: { host: whs.hostname, port: Number(whs.port) },
    request: httpRequest(path, whs.host, { authorization: `Bearer ${secret}` }, JSON.stringify(body)),
  });
  const messages = [{ role: "user", content: "hello" }];
  const chat = { model: "bench-echo", messages };
  const response = { model: "bench-echo", input: "hello" };
  const rpc = (method: string, params: object) => ({ jsonrpc: "2.0", id: 1, method, params });
  const tool = rpc("tools/call", { name: "bench-echo", arguments: { messages } });
  const shownTool = rpc("tools/call", { name: "bench-echo", arguments: { messages }, _meta: { progressToken: 1 } });
  const message = { message: { messageId: "1", role: "ROLE_USER", parts: [{ text: "hello" }] } };
  const run = { threadId: "t", runId: "r", state: {}, messages: [{ id: "1", ...messages[0] }], tools: [], context: [], forwardedProps: {} };
  return {
    JSON: {
      "/v1/invoke": door(`/v1/invoke/${agentId}`, { input: { messages } }),
      "/v1/chat/completions": door("/v1/chat/completions", chat),
      "/v1/responses": door("/v1/responses", response),
      "/mcp": door("/mcp", tool),
      "/a2a": door("/a2a/bench-echo", rpc("SendMessage", message)),
    },
    SSE: {
      "/v1/invoke": door(`/v1/invoke/${agentId}/stream`, { input: { messages } }),
      "/v1/chat/completions": door("/v1/chat/completions", { ...chat, stream: true }),
      "/v1/responses": door("/v1/responses", { ...response, stream: true }),
      "/ag-ui": door("/ag-ui/bench-echo", run),
      "/mcp": door("/mcp", shownTool),
      "/a2a": door("/a2a/bench-echo", rpc("SendStreamingMessage", message)),
    },
  };
}

/** What the control plane has taken of the processors so far: unlike times, it hardly depends on what else the machine does. */
async function cpuMs(metricsUrl: string): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  const seconds = /^process_cpu_seconds_total(?:\{[^}]*\})? ([\d.e+-]+)/m.exec(text)?.[1];
  if (seconds === undefined) throw new Error("The control plane does not say how much it has computed");
  return Number(seconds) * 1000;
}

/** The first door is what the others are measured against. */
async function compare(
  form: string,
  connections: number,
  doors: Readonly<Record<string, Door>>,
  cpu: () => Promise<number>,
): Promise<Record<string, string | number>[]> {
  const results: Record<string, (LoadResult & { cpuMs: number })[]> = {};
  const [first = ""] = Object.keys(doors);
  for (let turn = 0; turn < rounds; turn++) {
    for (const [name, door] of Object.entries(doors)) {
      const before = await cpu();
      const result = await runLoad({ ...door, connections, warmUpMs: 0, measureMs });
      (results[name] ??= []).push({ ...result, cpuMs: ((await cpu()) - before) / result.requests });
    }
  }
  const of = (name: string, key: "perSecond" | "p50Ms" | "cpuMs"): number => median((results[name] ?? []).map((result) => result[key]));
  /** Of each round by itself, then the median. */
  const ratio = (name: string, key: "perSecond" | "p50Ms" | "cpuMs"): number =>
    median((results[name] ?? []).map((result, turn) => result[key] / (results[first]?.[turn]?.[key] ?? Number.NaN)));
  return Object.keys(doors).map((name) => ({
    form,
    connections,
    door: name,
    "requests/s": round(of(name, "perSecond"), 0),
    ratio: round(ratio(name, "perSecond"), 2),
    "gateway cpu ms": round(of(name, "cpuMs"), 2),
    "cpu ratio": round(ratio(name, "cpuMs"), 2),
    "p50 ms": round(of(name, "p50Ms"), 2),
    "p50 ratio": round(ratio(name, "p50Ms"), 2),
  }));
}
