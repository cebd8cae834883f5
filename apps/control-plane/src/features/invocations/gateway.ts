import { createSessionIds, type SessionIds } from "@whs/platform/ids";
import type { Kysely } from "kysely";
import type { Config } from "../../config.ts";
import type { Schema } from "../../database.ts";
import type { Keys } from "../../keys.ts";
import type { Logger } from "@whs/platform/log";
import { createInvocationLog, type InvocationLog } from "./record.ts";
import { createRouting, type Routing } from "./routing.ts";

/** What one gateway process keeps between invocations. */
export interface Gateway {
  routing: Routing;
  sessionIds: SessionIds;
  invocationLog: InvocationLog;
  running: Set<AbortController>;
  /** Refuses nothing, waits for what runs, then stops what still does and writes what is not written yet. */
  drain(timeoutMs: number): Promise<void>;
}

const lookEveryMs = 20;

export function createGateway(options: {
  db: Kysely<Schema>;
  log: Logger;
  keys: Keys;
  config: Config;
  hearsChanges: () => boolean;
}): Gateway {
  const running = new Set<AbortController>();
  const invocationLog = createInvocationLog({ db: options.db, log: options.log, sessionIdleMs: options.config.sessionIdleMs });
  return {
    routing: createRouting({ db: options.db, hearsChanges: options.hearsChanges }),
    sessionIds: createSessionIds(options.keys.session),
    invocationLog,
    running,
    async drain(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      while (running.size > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
      for (const controller of running) controller.abort();
      await invocationLog.flush();
    },
  };
}
