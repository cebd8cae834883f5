/** The part of the shim that is the same wherever an agent's isolate runs: from a request to the agent, and from its answer to a response. */
import { describeFailure, findAgent, runInvocation, type AnswerResult, type LoadedAgent, type SendAgentCall } from "@whs/agent/runtime";
import type { InvokeOptions, Message, Session } from "@whs/agent";
import { agent as agentModule } from "whs-agent";
import {
  encodeFigures,
  FIGURES_HEADER,
  INSPECT_URL,
  MAX_OUTPUT_BYTES,
  STREAM_URL,
  TRACE_HEADER,
  type CellFailure,
  type Frame,
  type ShimFigures,
} from "./answers.ts";

/** What surrounds one request: what the agent is given, and how to tell whether its session holds anything. */
export interface Call {
  env: unknown;
  session: Session;
  isStored: () => boolean | Promise<boolean>;
  /** Absent where the invocation may call no other agents. */
  callAgent: SendAgentCall | undefined;
  waitUntil: (promise: Promise<unknown>) => void;
  /** Takes out of a message what must not leave the isolate, where nobody on the other side can. */
  clean?: (message: string) => string;
  /** Told once the agent has answered or failed. */
  ended?: () => void;
}
interface RequestBody {
  messages: readonly Message[];
  options: InvokeOptions;
}

const encoder = new TextEncoder();
let loaded: LoadedAgent | null = null;

export async function serve(request: Request, call: Call): Promise<Response> {
  try {
    if (request.url === INSPECT_URL) return Response.json({ form: findAgent(agentModule).form });
    loaded ??= findAgent(agentModule);
    const body = (await request.json()) as RequestBody;
    return request.url === STREAM_URL ? streamed(request, body, call, loaded) : await unary(request, body, call, loaded);
  } catch (error) {
    return Response.json(failure(error, call), { status: 500 });
  }
}

async function unary(request: Request, body: RequestBody, call: Call, agent: LoadedAgent): Promise<Response> {
  try {
    return await answered(request, body, call, agent);
  } finally {
    call.ended?.();
  }
}

async function answered(request: Request, body: RequestBody, call: Call, agent: LoadedAgent): Promise<Response> {
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
      await write({ x: failure(error, call) });
    } finally {
      call.ended?.();
    }
    await writer.close();
  };
  call.waitUntil(run());
  return new Response(readable);
}

function invocation(request: Request, body: RequestBody, call: Call, signal: AbortSignal, stream: boolean) {
  const { env, session, waitUntil, callAgent } = call;
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
    callAgent,
  };
}

async function shimFigures({ tokens, toolCalls, characters }: AnswerResult, call: Call): Promise<ShimFigures> {
  return { tokens, toolCalls, characters, stored: await call.isStored() };
}

/** Without the platform's own frames, which tell its author nothing. */
function ownFrames(stack: string): string {
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => /^\s+at .*\bwhs-[a-z]+\.js/.test(line));
  return (first === -1 ? lines : lines.slice(0, first)).join("\n");
}

/** What the agent threw; its own log says where. */
function failure(error: unknown, call: Call): CellFailure {
  if (error instanceof Error && error.stack !== undefined) console.error(ownFrames(error.stack));
  const message = describeFailure(error);
  return { kind: "runtime", message: call.clean?.(message) ?? message, retryable: false, reached: true };
}
