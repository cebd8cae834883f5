import type { HandlerInput } from "@whs/platform/http";
import type { Endpoint } from "@whs/api";
import { once } from "node:events";

export interface EventStream {
  /** Sends an event with the next id; resolves when the connection can take more. */
  send(event: string, data: unknown): Promise<void>;
  end(): void;
}

/** Comment that keeps proxies from closing an idle stream. */
const heartbeatEveryMs = 15_000;

/** Starts an answer of server-sent events (WHATWG HTML); ids count from 1. */
export function startEventStream(http: HandlerInput<Endpoint>["http"]): EventStream {
  const response = http.takeOver();
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no" });
  const heartbeat = setInterval(() => response.write(": heartbeat\n\n"), heartbeatEveryMs);
  response.once("close", () => clearInterval(heartbeat));
  let id = 0;
  let corked = false;
  // Events of one turn of the loop leave in one packet.
  const uncork = (): void => {
    if (!corked) return;
    corked = false;
    response.uncork();
  };
  const corkForThisTurn = (): void => {
    if (corked) return;
    corked = true;
    response.cork();
    setImmediate(uncork);
  };
  corkForThisTurn();
  response.flushHeaders();
  return {
    async send(event, data) {
      if (response.destroyed) return;
      id += 1;
      corkForThisTurn();
      if (response.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) return;
      const gone = new AbortController();
      const stop = (): void => gone.abort();
      response.once("close", stop);
      await once(response, "drain", { signal: gone.signal }).catch((error: unknown) => {
        if (!gone.signal.aborted) throw error;
      });
      response.off("close", stop);
    },
    end() {
      clearInterval(heartbeat);
      // Ending while corked would send the end of the chunks before the last of them.
      uncork();
      response.end();
    },
  };
}
