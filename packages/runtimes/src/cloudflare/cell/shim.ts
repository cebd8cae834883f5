/**
 * Runs inside the agent's own isolate and speaks the cell's protocol for it. Nothing here is a security boundary: agent code
 * shares the isolate and could replace any of it. Whatever must hold is checked by the dispatcher on the other side.
 */
import { DurableObject, type DurableObjectContext } from "cloudflare:workers";
import { createSession, type SendAgentCall, statelessSession } from "@whs/agent/runtime";
import type { SessionStorage } from "@whs/agent";
import { port } from "whs-port";
import { CALLS_HEADER, ROOM_HEADER, SESSION_HEADER, WRITE_TOKEN_HEADER } from "./answers.ts";
import { serve } from "./serve.ts";
import { FreshStore, applyWrites, facetStore, type Write } from "./session-store.ts";
import { boundedStore } from "./storage-bound.ts";

/** Without a session, or with one that holds nothing yet: its writes go through the port. */
export default {
  fetch(request: Request, env: unknown, context: { waitUntil(promise: Promise<unknown>): void }): Promise<Response> {
    const id = request.headers.get(SESSION_HEADER);
    const waitUntil = (promise: Promise<unknown>) => context.waitUntil(promise);
    const callAgent = callsOf(request);
    if (id === null) return serve(request, { env, session: statelessSession(), isStored: () => false, waitUntil, callAgent });
    const token = request.headers.get(WRITE_TOKEN_HEADER) ?? "";
    const store = new FreshStore((writes) => port.apply(token, writes));
    const isStored = async () => {
      await store.settle();
      return store.size > 0;
    };
    return serve(request, { env, session: createSession(decodeURIComponent(id), store), isStored, waitUntil, callAgent });
  },
};

function callsOf(request: Request): SendAgentCall | undefined {
  const key = request.headers.get(CALLS_HEADER);
  return key === null ? undefined : (call) => port.callAgent(key, call);
}

/** The facet of a session that holds something: invocations run beside their storage. */
export class AgentSession extends DurableObject {
  private readonly store: SessionStorage;

  constructor(context: DurableObjectContext, env: unknown) {
    super(context, env);
    this.store = facetStore(context.storage);
  }

  fetch(request: Request): Promise<Response> {
    const isStored = async () => (await this.store.list({ limit: 1 })).size > 0;
    const { sql } = this.ctx.storage;
    const most = sql.databaseSize + Number(request.headers.get(ROOM_HEADER) ?? Infinity);
    const store = boundedStore(this.store, () => most - sql.databaseSize);
    const session = createSession(decodeURIComponent(request.headers.get(SESSION_HEADER) ?? ""), store);
    const waitUntil = (promise: Promise<unknown>) => this.ctx.waitUntil(promise);
    return serve(request, { env: this.env, session, isStored, waitUntil, callAgent: callsOf(request) });
  }

  /** Writes that an invocation made before its session had an object. */
  async apply(writes: readonly Write[]): Promise<void> {
    await this.store.transaction((transaction) => applyWrites(transaction, writes));
  }
}
