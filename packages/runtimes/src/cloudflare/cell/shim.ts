/**
 * Runs inside the agent's own isolate and speaks the cell's protocol for it. Nothing here is a security boundary: agent code
 * shares the isolate and could replace any of it. Whatever must hold is checked by the dispatcher on the other side.
 */
import { DurableObject, type DurableObjectContext } from "cloudflare:workers";
import { createSession, describeFailure, findAgent, runInvocation, statelessSession, type LoadedAgent } from "@whs/agent/runtime";
import type { AnswerResult } from "@whs/agent/runtime";
import type { InvokeOptions, Message, Session, SessionStorage } from "@whs/agent";
import { agent as agentModule } from "whs-agent";
import { port } from "whs-port";
import {
  encodeFigures,
  FIGURES_HEADER,
  INSPECT_URL,
  MAX_OUTPUT_BYTES,
  SESSION_HEADER,
  STREAM_URL,
  WRITE_TOKEN_HEADER,
  TRACE_HEADER,
  type CellFailure,
  type Frame,
  type ShimFigures,
} from "./answers.ts";
import { FreshStore, applyWrites, facetStore, type Write } from "./session-store.ts";

interface Call {
  env: unknown;
  session: Session;
  isStored: () => boolean | Promise<boolean>;
  waitUntil: (promise: Promise<unknown>) => void;
}
interface RequestBody {
  messages: readonly Message[];
  options: InvokeOptions;
}

const encoder = new TextEncoder();
let loaded: LoadedAgent | null = null;

/** Without a session, or with one that holds nothing yet: its writes go through the port. */
export default {
  fetch(request: Request, env: unknown, context: { waitUntil(promise: Promise<unknown>): void }): Promise<Response> {
    const id = request.headers.get(SESSION_HEADER);
    const waitUntil = (promise: Promise<unknown>) => context.waitUntil(promise);
    if (id === null) return serve(request, { env, session: statelessSession(), isStored: () => false, waitUntil });
    const token = request.headers.get(WRITE_TOKEN_HEADER) ?? "";
    const store = new FreshStore((writes) => port.apply(token, writes));
    const isStored = async () => {
      await store.settle();
      return store.size > 0;
    };
    return serve(request, { env, session: createSession(decodeURIComponent(id), store), isStored, waitUntil });
  },
};

/** The facet of a session that holds something: invocations run beside their storage. */
export class AgentSession extends DurableObject {
  private readonly store: SessionStorage;

  constructor(context: DurableObjectContext, env: unknown) {
    super(context, env);
    this.store = facetStore(context.storage);
  }

  fetch(request: Request): Promise<Response> {
    const isStored = async () => (await this.store.list({ limit: 1 })).size > 0;
    const session = createSession(decodeURIComponent(request.headers.get(SESSION_HEADER) ?? ""), this.store);
    return serve(request, { env: this.env, session, isStored, waitUntil: (promise) => this.ctx.waitUntil(promise) });
  }

  /** Writes that an invocation made before its session had an object. */
  async apply(writes: readonly Write[]): Promise<void> {
    await this.store.transaction((transaction) => applyWrites(transaction, writes));
  }
}

async function serve(request: Request, call: Call): Promise<Response> {
  try {
    if (request.url === INSPECT_URL) return Response.json({ form: findAgent(agentModule).form });
    loaded ??= findAgent(agentModule);
    const body = (await request.json()) as RequestBody;
    return request.url === STREAM_URL ? streamed(request, body, call, loaded) : await unary(request, body, call, loaded);
  } catch (error) {
    return Response.json(failure(error), { status: 500 });
  }
}

async function unary(request: Request, body: RequestBody, call: Call, agent: LoadedAgent): Promise<Response> {
  let text = "";
  const take = (piece: string) => {
    text += piece;
  };
  const result = await runInvocation(agent, invocation(request, body, call, request.signal, false), {
    text: take,
    signal: request.signal,
    maxBytes: MAX_OUTPUT_BYTES,
  });
  const answer = result.messages === null ? { text } : { text, messages: result.messages };
  const figures = encodeFigures(await shimFigures(result, call));
  return new Response(JSON.stringify(answer), { headers: { [FIGURES_HEADER]: figures } });
}

function streamed(request: Request, body: RequestBody, call: Call, agent: LoadedAgent): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const stop = new AbortController();
  request.signal.addEventListener("abort", () => stop.abort(request.signal.reason), { once: true });
  writer.closed.catch((reason: unknown) => stop.abort(reason));
  const write = (frame: Frame) => writer.write(encoder.encode(`${JSON.stringify(frame)}\n`));
  const run = async () => {
    try {
      const sink = { text: (piece: string) => write({ d: piece }), signal: stop.signal, maxBytes: MAX_OUTPUT_BYTES };
      const result = await runInvocation(agent, invocation(request, body, call, stop.signal, true), sink);
      if (result.messages !== null) await write({ m: result.messages });
      await write({ f: await shimFigures(result, call) });
    } catch (error) {
      if (stop.signal.aborted) return;
      await write({ x: failure(error) });
    }
    await writer.close();
  };
  call.waitUntil(run());
  return new Response(readable);
}

function invocation(request: Request, body: RequestBody, call: Call, signal: AbortSignal, stream: boolean) {
  const { env, session, waitUntil } = call;
  const traceparent = request.headers.get("traceparent");
  return {
    messages: body.messages,
    options: body.options,
    session,
    env,
    signal,
    traceId: request.headers.get(TRACE_HEADER) ?? "",
    ...(traceparent === null ? {} : { traceparent }),
    waitUntil,
    stream,
  };
}

async function shimFigures({ tokens, toolCalls, characters }: AnswerResult, call: Call): Promise<ShimFigures> {
  return { tokens, toolCalls, characters, stored: await call.isStored() };
}

function failure(error: unknown): CellFailure {
  return { kind: "runtime", message: describeFailure(error), retryable: false, reached: true };
}
