import { AppError } from "@whs/platform/errors";
import type { Logger } from "@whs/platform/log";
import type { FastifyInstance } from "fastify";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { originOf, type Presentation, presentationOf } from "./presentation.ts";

export type OverloadReason = "in_flight" | "event_loop" | "database";

export interface OverloadOptions {
  /** Requests that may be answered at once. */
  maxInFlight: number;
  /** Mean delay of the event loop over half a second, in milliseconds. */
  maxEventLoopDelayMs: number;
  /** Callers that may wait for a database connection. */
  maxDatabaseQueue: number;
  databaseQueue: () => number;
  /** Paths that are answered whatever happens, since whoever watches the process needs them. */
  neverShed: readonly string[];
  onShed?: (reason: OverloadReason) => void;
}

/** The server's own words to whoever comes too much: what runs is nearly always over by then. */
const retryAfterSeconds = 1;
const resolutionMs = 20;
const sampleMs = 500;
const warnEveryMs = 5_000;

/**
 * Answers new requests with 503 while there is more to do than can be done in time. What has been let in goes on. Nothing
 * of a refused request is read, looked up or logged, so that refusing stays cheap.
 */
export function shedOverload(server: FastifyInstance, options: OverloadOptions & { log: Logger; presentation: Presentation }): void {
  const loop = watchEventLoop();
  server.addHook("onClose", async () => loop.stop());
  let inFlight = 0;
  let warnedAt = Number.NEGATIVE_INFINITY;
  const reasonNow = (): OverloadReason | undefined => {
    if (inFlight >= options.maxInFlight) return "in_flight";
    if (loop.delayMs() > options.maxEventLoopDelayMs) return "event_loop";
    if (options.databaseQueue() > options.maxDatabaseQueue) return "database";
    return undefined;
  };
  server.addHook("onRequest", async (request, reply) => {
    const reason = options.neverShed.includes(request.url.split("?", 1)[0] ?? "") ? undefined : reasonNow();
    if (reason === undefined) {
      inFlight += 1;
      reply.raw.once("close", () => {
        inFlight -= 1;
      });
      return undefined;
    }
    options.onShed?.(reason);
    const now = performance.now();
    if (now - warnedAt > warnEveryMs) {
      warnedAt = now;
      options.log.warn(
        { reason, inFlight, eventLoopDelayMs: Math.round(loop.delayMs()), databaseQueue: options.databaseQueue() },
        "Overloaded: new requests are refused",
      );
    }
    const refusal = new AppError("UNAVAILABLE", "There is too much to do right now; try again in a moment.", { retryAfterSeconds });
    request.raw.resume();
    const { status, body, headers } = presentationOf(request, options.presentation).failure(refusal, request.traceId, originOf(request));
    return reply
      .code(status)
      .headers({ ...refusal.headers, ...headers })
      .type("application/json; charset=utf-8")
      .send(JSON.stringify(body));
  });
}

/** Node's histogram measures whole turns; what lies beyond the resolution is delay. */
function watchEventLoop(): { delayMs: () => number; stop: () => void } {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  let delayMs = 0;
  const timer = setInterval(() => {
    delayMs = histogram.count === 0 ? 0 : Math.max(0, histogram.mean / 1e6 - resolutionMs);
    histogram.reset();
  }, sampleMs);
  timer.unref();
  return {
    delayMs: () => delayMs,
    stop() {
      clearInterval(timer);
      histogram.disable();
    },
  };
}
