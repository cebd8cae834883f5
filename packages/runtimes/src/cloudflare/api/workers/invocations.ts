import type { CellContext } from "cloudflare:workers";
import { CALL_TOKEN_HEADER } from "../../../agent-calls.ts";
import { INVOKE_URL, SESSION_HEADER, STREAM_URL, TRACE_HEADER, type CellFailure } from "../../cell/answers.ts";
import type { InvocationTarget } from "../../cell/invocations.ts";
import { failureResponse, Meter, relayStream, relayUnary } from "../../cell/relay.ts";
import { TIMEOUT_HEADER, type DispatchEnv } from "./env.ts";
import type { DeploymentRecord } from "./registry.ts";
import { report } from "./telemetry.ts";

/** An invocation as the gateway names it; the deployment is looked up by all three ids, so that none can stand in for another. */
export interface DispatchTarget extends InvocationTarget {
  userId: string;
  agentId: string;
}

/** `/{invoke|stream}/{userId}/{agentId}/{deploymentId}/{eventId}/{traceId}/{inputCharacters}/{timeoutMs}[/{sessionId}]` */
export function parsePath(verb: "invoke" | "stream", path: readonly string[]): DispatchTarget {
  const [, , userId = "", agentId = "", deploymentId = "", eventId = "", traceId = "", characters = "0", timeoutMs = "0", sessionId] = path;
  return {
    verb,
    userId,
    agentId,
    deploymentId,
    eventId,
    traceId: decodeURIComponent(traceId),
    inputCharacters: Number(characters),
    timeoutMs: Number(timeoutMs),
    sessionId: sessionId === undefined || sessionId === "" ? null : decodeURIComponent(sessionId),
  };
}

/** How long an isolate believes what the registry said: a rotated telemetry key is accepted for far longer. */
const BELIEVED_MS = 30_000;
const MAX_KNOWN = 10_000;
const known = new Map<string, { record: DeploymentRecord; until: number }>();

export function forgetDeployment(deploymentId: string): void {
  known.delete(deploymentId);
}

export async function invoke(
  env: DispatchEnv,
  context: CellContext,
  request: Request,
  target: DispatchTarget,
  body: string,
): Promise<Response> {
  const deployment = await findDeployment(env, target);
  if (deployment === null) return failureResponse(NOT_FOUND);
  const meter = new Meter(target, (record) => {
    if (record !== null) context.waitUntil(report(env, record, deployment));
  });
  // Kept alive past a caller that goes away, so that the agent is told, and its use is recorded.
  const done = run(env, context, request, target, deployment, meter, body);
  context.waitUntil(done);
  return done;
}

async function run(
  env: DispatchEnv,
  context: CellContext,
  request: Request,
  target: DispatchTarget,
  deployment: DeploymentRecord,
  meter: Meter,
  body: string,
): Promise<Response> {
  const inSession = deployment.sessionful && target.sessionId !== null;
  const url = target.verb === "stream" ? STREAM_URL : INVOKE_URL;
  const init = { method: "POST", headers: agentHeaders(request, target, inSession), body, signal: request.signal };
  try {
    meter.start(inSession ? 1 : 0);
    const agent = env.AGENTS.get(deployment.script, {}, { limits: { cpuMs: env.SETTINGS.agentCpuMs } });
    const response = await agent.fetch(url, init);
    return target.verb === "stream" && response.ok ? relayStream(response, request, meter, context) : await relayUnary(response, meter);
  } catch (error) {
    if (isMissing(error)) return meter.refuse(NOT_FOUND);
    return unanswered(request, meter);
  }
}

/** All that a tenant's script gets to see of ours; the shim takes what it needs and gives the agent none of it. */
function agentHeaders(request: Request, target: DispatchTarget, inSession: boolean): Record<string, string> {
  const traceparent = request.headers.get("traceparent");
  const token = request.headers.get(CALL_TOKEN_HEADER);
  return {
    [TRACE_HEADER]: target.traceId,
    ...(traceparent === null ? {} : { traceparent }),
    ...(token === null ? {} : { [CALL_TOKEN_HEADER]: token }),
    ...(inSession && target.sessionId !== null
      ? { [SESSION_HEADER]: encodeURIComponent(target.sessionId), [TIMEOUT_HEADER]: String(target.timeoutMs) }
      : {}),
  };
}

async function findDeployment(env: DispatchEnv, { userId, agentId, deploymentId }: DispatchTarget): Promise<DeploymentRecord | null> {
  const remembered = known.get(deploymentId);
  const believed = remembered !== undefined && remembered.until > Date.now() ? remembered.record : null;
  const record = believed ?? (await env.REGISTRY.get(env.REGISTRY.idFromName(agentId)).find(deploymentId));
  if (record === null || !record.loaded || record.userId !== userId || record.agentId !== agentId) return null;
  if (believed === null) {
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(deploymentId, { record, until: Date.now() + BELIEVED_MS });
  }
  return record;
}

const NOT_FOUND: CellFailure = { kind: "not_found", message: "The deployment is not on Cloudflare.", retryable: false, reached: false };

/** What a dispatch namespace says of a script that is not in it. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Worker not found");
}

/** No answer came out of the script: the caller left, or the script could not run. */
function unanswered(request: Request, meter: Meter): Response {
  if (request.signal.aborted) {
    meter.recordCancelled();
    return failureResponse(
      meter.timedOut
        ? { kind: "timeout", message: "The agent did not answer in time.", retryable: true, reached: true }
        : { kind: "runtime", message: "The invocation was cancelled.", retryable: true, reached: true },
    );
  }
  const message = "The agent ended without an answer: it waits for something that never comes, or used up its limits. Its log says more.";
  return meter.fail({ kind: "runtime", message, retryable: true, reached: true });
}
