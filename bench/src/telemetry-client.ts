/** Sends signed events in full batches from a process of its own; all of them are made before the clock runs. */
import { newId } from "@whs/platform/ids";
import { deriveTelemetryKey, signV1 } from "@whs/platform/signatures";
import { Pool } from "undici";
import type { TelemetryPlan, TelemetryResult } from "./telemetry.ts";

const plan = JSON.parse(process.argv[2] ?? "") as TelemetryPlan;
const keys = new Map(
  plan.reporters.map(({ deploymentId }) => [deploymentId, deriveTelemetryKey(Buffer.from(plan.rootKey, "hex"), deploymentId, 1)]),
);

function makeLine(index: number): string {
  const reporter = plan.reporters[index % plan.reporters.length];
  if (reporter === undefined) throw new Error("Nobody reports");
  const event = JSON.stringify({
    eventId: newId("evt"),
    ...reporter,
    runtimeProvider: "cloudflare",
    timestamp: new Date().toISOString(),
    requests: 1,
    llmTokens: index % 900,
    tokensEstimated: false,
    computeMs: index % 70,
    toolCalls: 0,
    platformToolCalls: 0,
    codeExecutionSeconds: 0,
    browserSessions: 0,
    errors: 0,
    errorClass: null,
    provider: { cloudflare: { durableObjectOps: 1, workersAICalls: 0 }, agentcore: null },
    costUsdEstimated: 0.000_001,
    traceId: newId("trc"),
  });
  const key = keys.get(reporter.deploymentId);
  if (key === undefined) throw new Error("A reporter has no key");
  return JSON.stringify({ deploymentId: reporter.deploymentId, signature: signV1(key, event), event });
}

const batches = Array.from({ length: plan.batches }, (_, batch) =>
  Buffer.from(Array.from({ length: plan.eventsPerBatch }, (_unused, line) => makeLine(batch * plan.eventsPerBatch + line)).join("\n")),
);
const pool = new Pool(plan.url, { connections: plan.connections, pipelining: 1 });

async function send(body: Buffer): Promise<number> {
  const answer = await pool.request({
    method: "POST",
    path: "/v1/telemetry/batch",
    headers: { "content-type": "application/x-ndjson" },
    body,
  });
  const { accepted } = (await answer.body.json()) as { accepted: number };
  return accepted;
}

async function sendAll(queue: Buffer[]): Promise<number> {
  let accepted = 0;
  for (let body = queue.shift(); body !== undefined; body = queue.shift()) accepted += await send(body);
  return accepted;
}

/** Connections are open and code is compiled before the clock runs. */
await sendAll(batches.splice(0, plan.connections));
const startedAt = performance.now();
const queue = [...batches];
const accepted = await Promise.all(Array.from({ length: plan.connections }, () => sendAll(queue)));
const seconds = (performance.now() - startedAt) / 1000;
await pool.close();
const result: TelemetryResult = {
  accepted: accepted.reduce((sum, count) => sum + count, 0),
  sent: batches.length * plan.eventsPerBatch,
  seconds,
};
process.stdout.write(JSON.stringify(result));
