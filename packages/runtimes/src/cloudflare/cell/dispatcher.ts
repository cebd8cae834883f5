/**
 * The trusted front of a cell. It owns routing, sessions, figures and egress; agents run in isolates of their own, which
 * it loads, and everything that comes out of them is checked here.
 */
import type { AgentCallOutcome } from "@whs/agent/runtime";
import { type CellContext, WorkerEntrypoint } from "cloudflare:workers";
import { carryOutCall } from "./agent-calls.ts";
import { INSPECT_URL, type CellFailure } from "./answers.ts";
import type { Heartbeat } from "./control.ts";
import type { CellEnv } from "./env.ts";
import { drain, invocationsInFlight, invoke, parseInvocation, records } from "./invocations.ts";
import { noteRoom } from "./fresh-sessions.ts";
import { Gate } from "./gate.ts";
import { forgetTicket, loadCount, loadWorker, withoutSecrets } from "./loads.ts";
import { logs, tailRecords, type TailEvent } from "./log-tail.ts";
import { destroyObject, destroySession, applyFirstWrites } from "./sessions.ts";
import type { Write } from "./session-store.ts";

export { Session } from "./session-object.ts";

interface DeploymentProps {
  deploymentId: string;
}

/** Requests of all agents of the cell that wait for the beginning of an answer; the proxy bounds those that are being read. */
const outbound = new Gate(20_000);

/** Every request that an agent makes leaves through here, with a name that it cannot forge. */
export class Egress extends WorkerEntrypoint<CellEnv, DeploymentProps> {
  async fetch(request: Request): Promise<Response> {
    const headers = new Headers(request.headers);
    headers.set("x-whs-egress-url", request.url);
    headers.set("x-whs-egress-deployment", this.ctx.props.deploymentId);
    const answer = outbound.run(this.env.LIMITS.maxOutbound, () =>
      this.env.EGRESS.fetch("http://egress/", {
        method: request.method,
        headers,
        body: request.body,
        redirect: "manual",
        signal: request.signal,
      }),
    );
    // An agent that goes away must not take its place in the line with it.
    this.ctx.waitUntil(answer.catch(() => undefined));
    const response = await answer;
    const refusal = response.headers.get("x-whs-egress-error");
    if (refusal !== null) throw new TypeError(decodeURIComponent(refusal));
    return response;
  }
}

export class LogTail extends WorkerEntrypoint<CellEnv, DeploymentProps> {
  tail(events: readonly TailEvent[]): void {
    for (const record of tailRecords(events, this.ctx.props.deploymentId)) logs.push(record, this.env);
    logs.flush(this.env, (promise) => this.ctx.waitUntil(promise));
  }
}

/** What the shim may ask of us. Token and key say for which invocation, and are good as long as that runs. */
export class ShimPort extends WorkerEntrypoint<CellEnv, DeploymentProps> {
  /** Writes to a session that has no object yet. */
  apply(token: string, writes: readonly Write[]): Promise<void> {
    return applyFirstWrites(this.env, this.ctx.props.deploymentId, token, writes);
  }

  callAgent(key: string, call: unknown): Promise<AgentCallOutcome> {
    const outcome = carryOutCall(this.env, this.ctx.props.deploymentId, key, call);
    // An agent that goes away must not take its place among the open calls with it.
    this.ctx.waitUntil(outcome);
    return outcome;
  }
}

export default {
  async fetch(request: Request, env: CellEnv, context: CellContext): Promise<Response> {
    const path = new URL(request.url).pathname.split("/");
    const verb = path[1];
    if (verb === "invoke" || verb === "stream") return invoke(env, context, request, parseInvocation(verb, path));
    if (verb === "heartbeat") {
      const room = new URL(request.url).searchParams;
      noteRoom({ leftBytes: Number(room.get("left")), asOf: Number(room.get("asOf")) });
      return heartbeat(env, context);
    }
    if (verb === "inspect") return inspect(env, context, decodeURIComponent(path[2] ?? ""));
    if (verb === "drain") {
      drain();
      return new Response(null, { status: 204 });
    }
    if (verb === "forget") {
      forgetTicket(path[2] ?? "");
      return new Response(null, { status: 204 });
    }
    if (verb === "destroy-object") {
      await destroyObject(env, path[2] ?? "", path[3] ?? "");
      return new Response(null, { status: 204 });
    }
    if (verb === "destroy-session") {
      await destroySession(env, path[2] ?? "", decodeURIComponent(path[3] ?? ""));
      return new Response(null, { status: 204 });
    }
    return new Response(null, { status: 404 });
  },
};

/** Also restarts deliveries whose request was cut off. */
function heartbeat(env: CellEnv, context: CellContext): Response {
  const waitUntil = (promise: Promise<unknown>) => context.waitUntil(promise);
  records.flush(env, waitUntil);
  logs.flush(env, waitUntil);
  const state: Heartbeat = {
    inFlight: invocationsInFlight(),
    loads: loadCount(),
    dropped: records.dropped + logs.dropped,
    pending: records.pending + logs.pending,
  };
  return Response.json(state);
}

/** Loads a version once, so that a module that cannot start is found at deploy and not by its first caller. */
async function inspect(env: CellEnv, context: CellContext, loadId: string): Promise<Response> {
  try {
    const response = await loadWorker(env, context, loadId).getEntrypoint().fetch(INSPECT_URL);
    return new Response(withoutSecrets(loadId, await response.text()), { status: response.ok ? 200 : 422 });
  } catch (error) {
    const failure: CellFailure = {
      kind: "invalid",
      message: withoutSecrets(loadId, error instanceof Error ? error.message : String(error)),
      retryable: false,
      reached: false,
    };
    return Response.json(failure, { status: 422 });
  }
}
