import type { CellContext } from "cloudflare:workers";
import {
  checkFigures,
  decodeFigures,
  encodeUsage,
  estimateTokens,
  FIGURES_HEADER,
  MAX_WIRE_BYTES,
  type CellFailure,
  type CellUsage,
  type Frame,
  type ShimFigures,
} from "./answers.ts";
import type { InvocationRecord } from "./control.ts";
import type { InvocationTarget } from "./invocations.ts";
import { withoutSecrets } from "./loads.ts";

/** The gateway's clock for an invocation starts before ours: by the way of the request and its wait for a connection. */
const TRANSIT_MS = 100;

/** Tells agent and platform apart for the caller, and ends in exactly one record for an invocation that reached the agent. */
export class Meter {
  private readonly target: InvocationTarget;
  private readonly finish: (record: InvocationRecord | null) => void;
  private readonly endings: ((stored: boolean) => void)[] = [];
  private startedAt: number | null = null;
  private durableObjectOps = 0;
  private ended = false;
  private loadId = "";

  constructor(target: InvocationTarget, finish: (record: InvocationRecord | null) => void) {
    this.target = target;
    this.finish = finish;
  }

  get started(): boolean {
    return this.startedAt !== null;
  }

  /** Whose secrets no message may hold. */
  runs(loadId: string): void {
    this.loadId = loadId;
  }

  start(durableObjectOps: number): void {
    this.startedAt ??= Date.now();
    this.durableObjectOps += durableObjectOps;
  }

  elapsedMs(): number {
    return this.startedAt === null ? 0 : Date.now() - this.startedAt;
  }

  /** `ending` is told, once, whether the session holds anything; true where that is not known. */
  onEnd(ending: (stored: boolean) => void): void {
    this.endings.push(ending);
  }

  succeed(figures: ShimFigures): CellUsage {
    const tokens = figures.tokens ?? estimateTokens(this.target.inputCharacters, figures.characters);
    const usage = {
      tokens,
      tokensEstimated: figures.tokens === null,
      computeMs: Math.max(1, this.elapsedMs()),
      toolCalls: figures.toolCalls,
      stored: figures.stored,
    };
    this.end(figures.stored, { ...usage, errorClass: null });
    return usage;
  }

  /** The agent was called, and did not answer well. */
  fail(failure: CellFailure): Response {
    this.recordFailure();
    return failureResponse(this.clean(failure));
  }

  clean(failure: CellFailure): CellFailure {
    return { ...failure, message: withoutSecrets(this.loadId, failure.message) };
  }

  recordFailure(characters = 0): void {
    this.recordWithoutFigures(characters, "runtime");
  }

  /** The caller left: that is no error of the agent, unless its time was over. */
  recordCancelled(characters = 0): void {
    this.recordWithoutFigures(characters, this.timedOut ? "runtime" : null);
  }

  get timedOut(): boolean {
    return this.elapsedMs() + TRANSIT_MS >= this.target.timeoutMs;
  }

  /** The agent was not called: nothing to record. */
  refuse(failure: CellFailure): Response {
    this.end(true, null);
    return failureResponse(failure);
  }

  private recordWithoutFigures(characters: number, errorClass: InvocationRecord["errorClass"]): void {
    if (!this.started) return this.end(true, null);
    const tokens = estimateTokens(this.target.inputCharacters, characters);
    this.end(true, { tokens, tokensEstimated: true, computeMs: Math.max(1, this.elapsedMs()), toolCalls: 0, errorClass });
  }

  private end(
    stored: boolean,
    figures: Pick<InvocationRecord, "tokens" | "tokensEstimated" | "computeMs" | "toolCalls" | "errorClass"> | null,
  ): void {
    if (this.ended) return;
    this.ended = true;
    for (const ending of this.endings) ending(stored);
    if (figures === null) return this.finish(null);
    const { deploymentId, eventId, traceId } = this.target;
    const { tokens, tokensEstimated, computeMs, toolCalls, errorClass } = figures;
    this.finish({
      eventId,
      deploymentId,
      traceId,
      at: Date.now(),
      tokens,
      tokensEstimated,
      computeMs,
      toolCalls,
      errorClass,
      durableObjectOps: this.durableObjectOps,
    });
  }
}

const malformed: CellFailure = {
  kind: "runtime",
  message: "The agent's isolate answered with something that is no answer.",
  retryable: false,
  reached: true,
};
const tooLarge: CellFailure = {
  kind: "runtime",
  message: `The agent's output is larger than ${MAX_WIRE_BYTES} bytes.`,
  retryable: false,
  reached: true,
};

const STATUS: Readonly<Record<CellFailure["kind"], number>> = {
  moved: 421,
  auth: 401,
  not_found: 404,
  invalid: 422,
  session: 409,
  capacity: 503,
  transient: 503,
  runtime: 500,
  timeout: 504,
};

export function failureResponse(failure: CellFailure): Response {
  return Response.json(failure, { status: STATUS[failure.kind] });
}

/** The whole body is awaited before anything is recorded: work that an agent does while it is read counts too. */
export async function relayUnary(response: Response, meter: Meter): Promise<Response> {
  const body = await boundedBody(response);
  if (body === null) return meter.fail(tooLarge);
  if (!response.ok) return meter.fail(checkedFailure(parse(new TextDecoder().decode(body))));
  const figures = decodeFigures(response.headers.get(FIGURES_HEADER));
  if (figures === null) return meter.fail(malformed);
  return new Response(body, { headers: { [FIGURES_HEADER]: encodeUsage(meter.succeed(figures)) } });
}

/** Null when it is too large. */
async function boundedBody(response: Response): Promise<ArrayBuffer | null> {
  const length = Number(response.headers.get("content-length") ?? "NaN");
  if (length <= MAX_WIRE_BYTES) return response.arrayBuffer();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  if (response.body === null) return new ArrayBuffer(0);
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_WIRE_BYTES) return null;
    chunks.push(chunk);
  }
  return new Blob(chunks).arrayBuffer();
}

function checkedFailure(failure: unknown): CellFailure {
  if (typeof failure !== "object" || failure === null || !("message" in failure) || typeof failure.message !== "string") return malformed;
  return { kind: "runtime", message: failure.message.slice(0, 1000), retryable: false, reached: true };
}

/** Longest last line: figures or a bounded message. */
const MAX_LAST_LINE = 4096;

/** Passes frames on as they come, and ends them with the trusted side's own. */
export function relayStream(response: Response, request: Request, meter: Meter, context: CellContext): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  context.waitUntil(pump(response, request, writable.getWriter(), meter));
  return new Response(readable);
}

async function pump(response: Response, request: Request, writer: WritableStreamDefaultWriter<Uint8Array>, meter: Meter): Promise<void> {
  const source = (response.body ?? new Blob([]).stream()).getReader();
  const leave = () =>
    void source.cancel(request.signal.reason).then(
      () => meter.recordCancelled(),
      () => meter.recordCancelled(),
    );
  request.signal.addEventListener("abort", leave, { once: true });
  let size = 0;
  let tail: Uint8Array = new Uint8Array(0);
  try {
    for (let step = await source.read(); !step.done; step = await source.read()) {
      size += step.value.length;
      if (size > MAX_WIRE_BYTES) break;
      tail = joinTail(tail, step.value);
      await writer.write(step.value);
    }
    await writer.write(encode(size > MAX_WIRE_BYTES ? failed(meter, tooLarge) : lastFrame(tail, meter)));
    await writer.close();
  } catch (error) {
    if (request.signal.aborted) return meter.recordCancelled(size);
    meter.recordFailure(size);
    await writer
      .write(encode({ x: meter.clean({ ...malformed, message: `The agent's isolate ended: ${String(error)}`.slice(0, 1000) }) }))
      .then(() => writer.close());
  } finally {
    await source.cancel();
  }
}

/** What the shim's last line says decides how the stream ends. */
function lastFrame(tail: Uint8Array, meter: Meter): Frame {
  const line = new TextDecoder().decode(tail).trimEnd();
  const frame = parse(line.slice(line.lastIndexOf("\n") + 1));
  if (typeof frame !== "object" || frame === null) return failed(meter, malformed);
  if ("x" in frame) return failed(meter, checkedFailure(frame.x));
  const figures = "f" in frame ? checkFigures(frame.f as ShimFigures) : null;
  return figures === null ? failed(meter, malformed) : { u: meter.succeed(figures) };
}

function failed(meter: Meter, failure: CellFailure): Frame {
  meter.recordFailure();
  return { x: meter.clean(failure) };
}

function joinTail(tail: Uint8Array, chunk: Uint8Array): Uint8Array {
  if (chunk.length >= MAX_LAST_LINE) return chunk.slice(-MAX_LAST_LINE);
  const joined = new Uint8Array(tail.length + chunk.length);
  joined.set(tail);
  joined.set(chunk, tail.length);
  return joined.length > MAX_LAST_LINE ? joined.slice(-MAX_LAST_LINE) : joined;
}

function encode(frame: Frame): Uint8Array {
  return new TextEncoder().encode(`\n${JSON.stringify(frame)}\n`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
