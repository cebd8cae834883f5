/** Receives what tenants' scripts wrote and brings it to the control plane. */
import type { CellContext } from "cloudflare:workers";
import { tailRecords, type TailEvent } from "../../cell/log-tail.ts";
import type { LogRecord } from "../../cell/control.ts";
import type { TailEnv } from "./env.ts";
import { signedHeaders } from "./signed-request.ts";

/** What Cloudflare adds to an event: it, not the tenant, says whose it is. */
export interface ScriptTailEvent extends TailEvent {
  dispatchNamespace?: string | undefined;
  scriptTags?: readonly string[] | undefined;
}

const PATH = "/v1/internal/logs";
const SOURCE = "supervisor";
/** Lines of one invocation; what is beyond is counted in a line of its own. */
const MAX_LINES = 1_000;
/** The endpoint's bound, in bytes, with room for the line that passes it. */
const MAX_BATCH_CHARACTERS = 512 * 1024;
const WAITS_MS = [0, 1_000, 4_000];
/** The console's methods as log levels. */
const LEVELS: Readonly<Record<string, string>> = { debug: "debug", trace: "debug", warn: "warn", error: "error" };

export default {
  async tail(events: readonly ScriptTailEvent[], env: TailEnv, context: CellContext): Promise<void> {
    const lines = events.flatMap((event) => (event.dispatchNamespace === env.NAMESPACE ? linesOf(event) : []));
    for (const batch of batches(lines)) context.waitUntil(send(env, batch));
  },
};

function linesOf(event: ScriptTailEvent): string[] {
  const tags = event.scriptTags ?? [];
  const agentId = tagged(tags, "agent-");
  const deploymentId = tagged(tags, "deployment-");
  if (agentId === undefined || deploymentId === undefined) return [];
  const records = [...tailRecords([event], deploymentId)];
  const kept = records.slice(0, MAX_LINES).map((record) => line(record, agentId));
  const [first] = records;
  const left = records.length - kept.length;
  if (left > 0 && first !== undefined)
    kept.push(
      line({ ...first, level: "warn", message: `${left} lines were left out: more than ${MAX_LINES} in one invocation.` }, agentId),
    );
  return kept;
}

function line({ deploymentId, traceId, at, level, message }: LogRecord, agentId: string): string {
  const trace = traceId === null ? {} : { traceId };
  return JSON.stringify({ deploymentId, agentId, ...trace, at: new Date(at).toISOString(), level: LEVELS[level] ?? "info", message });
}

function tagged(tags: readonly string[], prefix: string): string | undefined {
  return tags.find((tag) => tag.startsWith(prefix))?.slice(prefix.length);
}

function* batches(lines: readonly string[]): Generator<string> {
  let batch: string[] = [];
  let characters = 0;
  for (const text of lines) {
    if (batch.length >= MAX_LINES || characters > MAX_BATCH_CHARACTERS) {
      yield batch.join("\n");
      batch = [];
      characters = 0;
    }
    batch.push(text);
    characters += text.length + 1;
  }
  if (batch.length > 0) yield batch.join("\n");
}

/** Lines are worth less than time: after a few attempts they are gone. */
async function send(env: TailEnv, body: string): Promise<void> {
  const url = env.API_URL + PATH;
  const context = { source: SOURCE, method: "POST", path: new URL(url).pathname };
  for (const waitMs of WAITS_MS) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    try {
      const headers = { "content-type": "application/x-ndjson", ...(await signedHeaders(env.DATA_PLANE_KEY, context, body)) };
      const response = await fetch(url, { method: "POST", headers, body });
      await response.body?.cancel();
      if (response.ok || response.status === 400 || response.status === 413) return;
    } catch (error) {
      console.warn(`Log lines could not be delivered: ${String(error)}`);
    }
  }
}
