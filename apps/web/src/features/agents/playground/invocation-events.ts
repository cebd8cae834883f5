/** One invocation as the playground follows it, over lost connections. */
import type { invokeEvents } from "@whs/api";
import type { z } from "zod";
import { paths } from "../../../paths.ts";
import type { Problem } from "../../../problem.ts";
import { readEvents, type ReceivedEvent } from "../../../read-events.ts";

type Events = { [Name in keyof typeof invokeEvents]: z.output<(typeof invokeEvents)[Name]> };
export type InvocationMeta = Events["meta"];
export type InvocationUsage = Events["usage"];

export type InvocationEvent =
  | { event: "meta"; data: InvocationMeta }
  | { event: "delta"; data: Events["delta"] }
  | { event: "usage"; data: InvocationUsage }
  | { event: "done" }
  /** The connection is lost, and is being made again. */
  | { event: "lost" }
  | { event: "problem"; data: Problem };

/** Within the time that an agent runs on without anybody who listens (10 s), so that it is not cancelled meanwhile. */
const RETRY_AFTER_MS = [250, 750, 1_500, 3_000];

interface InvocationInput {
  agentId: string;
  prompt: string;
  sessionId: string | null;
  signal: AbortSignal;
}

/** Ends after `done` or `problem`. @throws an AbortError when the signal says so */
export async function* followInvocation({ agentId, prompt, sessionId, signal }: InvocationInput): AsyncGenerator<InvocationEvent> {
  let streamId: string | undefined;
  let after: string | null = null;
  let attempt = 0;
  let lost = LOST;
  const first = new URLSearchParams({ prompt, ...(sessionId === null ? {} : { sessionId }) });
  for (;;) {
    const events: AsyncGenerator<ReceivedEvent> =
      streamId === undefined
        ? readEvents(paths.playgroundStream(agentId), { method: "POST", body: first, signal })
        : readEvents(paths.playgroundStream(agentId, { stream: streamId, after }), { signal });
    try {
      for await (const { event, id, data } of events) {
        if (event === "problem" && isLost(data as Problem) && streamId !== undefined) {
          lost = data as Problem;
          break;
        }
        attempt = 0;
        after = id ?? after;
        const received = toEvent(event, data);
        if (received === undefined) continue;
        if (received.event === "meta") streamId = received.data.streamId;
        yield received;
        if (received.event === "done" || received.event === "problem") return;
      }
    } catch (error) {
      if (signal.aborted || !(error instanceof TypeError)) throw error;
    }
    const wait = RETRY_AFTER_MS[attempt];
    if (streamId === undefined || wait === undefined) return yield { event: "problem", data: lost };
    attempt += 1;
    yield { event: "lost" };
    await pause(wait, signal);
  }
}

const LOST: Problem = {
  code: "UNREACHABLE",
  message: "The connection was lost.",
  traceId: null,
  retryable: true,
  fields: {},
  details: {},
};

function isLost({ code }: Problem): boolean {
  return code === "UNREACHABLE" || code === "UNAVAILABLE";
}

/** Undefined for what a later version of the API may add. */
function toEvent(event: string, data: unknown): InvocationEvent | undefined {
  if (event === "meta") return { event, data: data as InvocationMeta };
  if (event === "delta") return { event, data: data as Events["delta"] };
  if (event === "usage") return { event, data: data as InvocationUsage };
  if (event === "done") return { event };
  if (event === "problem") return { event, data: data as Problem };
  if (event !== "error") return undefined;
  const { error, traceId } = data as Events["error"];
  return { event: "problem", data: { ...error, traceId, fields: {} } };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
