/**
 * The main module of a tenant's script. As in a cell, nothing here is a security boundary: agent code shares the isolate.
 * Whatever must hold is checked by the dispatch Worker on the other side.
 */
import { createSession, type SendAgentCall, statelessSession } from "@whs/agent/runtime";
import type { DurableObjectNamespace } from "cloudflare:workers";
import { guard as prepared } from "whs-guard";
import { CALL_TOKEN_HEADER, readOutcome } from "../../../agent-calls.ts";
import { INSPECT_URL, SESSION_HEADER } from "../../cell/answers.ts";
import { serve, type Call } from "../../cell/serve.ts";
import { REVISION_HEADER, TIMEOUT_HEADER } from "./env.ts";
import type { Guard } from "./guard.ts";
import { LeasedStore } from "./session-client.ts";
import type { SessionObjectStub } from "./session-object.ts";

const guard = prepared as Guard;

/** An invocation's lease on its session outlives the invocation itself by at most this. */
const LEASE_MARGIN_MS = 5_000;

export default {
  async fetch(request: Request, _env: unknown, context: { waitUntil(promise: Promise<unknown>): void }): Promise<Response> {
    const id = request.headers.get(SESSION_HEADER);
    const { agentEnv: env, redaction, sessions } = guard;
    const call = {
      env,
      clean: redaction.text,
      callAgent: callsOf(request),
      waitUntil: (promise: Promise<unknown>) => context.waitUntil(promise),
    };
    if (request.url === INSPECT_URL) {
      const inspected = await serve(request, { ...call, session: statelessSession(), isStored: () => false });
      inspected.headers.set(REVISION_HEADER, guard.revision);
      return inspected;
    }
    if (id === null || sessions === undefined) return serve(request, { ...call, session: statelessSession(), isStored: () => false });
    const timeoutMs = Number(request.headers.get(TIMEOUT_HEADER) ?? "0");
    return serve(request, { ...call, ...inSession(sessions, decodeURIComponent(id), timeoutMs) });
  },
};

/** The token is the invocation's own. A script that is older than its binding has no way to call. */
function callsOf(request: Request): SendAgentCall | undefined {
  const token = request.headers.get(CALL_TOKEN_HEADER);
  const { calls } = guard;
  if (token === null || calls === undefined) return undefined;
  return async (call, ended) => {
    const headers = { "content-type": "application/json", [CALL_TOKEN_HEADER]: token };
    const response = await calls.fetch("http://calls/", { method: "POST", headers, body: JSON.stringify(call), signal: ended });
    return readOutcome(await response.text());
  };
}

function inSession(
  sessions: DurableObjectNamespace<SessionObjectStub>,
  id: string,
  timeoutMs: number,
): Pick<Call, "session" | "isStored" | "ended"> {
  const object = sessions.get(sessions.idFromName(id));
  const store = new LeasedStore(() => object.open(timeoutMs + LEASE_MARGIN_MS));
  return {
    session: createSession(id, store),
    isStored: async () => (await store.settle()) ?? object.holdsAnything(),
    ended: () => store.end(),
  };
}
