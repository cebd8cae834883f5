import type { RuntimeProviderName } from "@whs/api";
import { createGroupCommit, QueueFullError } from "@whs/platform/db";
import type { Logger } from "@whs/platform/log";
import type { Kysely } from "kysely";
import type { Schema } from "../../database.ts";
import type { Metrics } from "../../observability/index.ts";
import { insertInvocations } from "./store.ts";

/** The gateway's record of one invocation: no prompt and no answer. */
export interface InvocationRecord {
  /** `evt_…`, the id that the runtime's telemetry event bears too. */
  id: string;
  userId: string;
  agentId: string;
  deploymentId: string;
  runtimeProvider: RuntimeProviderName;
  traceId: string;
  startedAt: Date;
  durationMs: number;
  statusCode: number;
  errorCode: string | null;
  errorMessage: string | null;
  sessionId: string | null;
  sessionHash: Buffer | null;
  sessionStored: boolean;
}

export interface InvocationLog {
  /** Takes the record; the answer does not wait for its commit. */
  add(record: InvocationRecord): void;
  flush(): Promise<void>;
}

/** Nobody waits for a record, so a group may grow; a kill loses at most this much, which the runtime's own events still count. */
const groupWaitMs = 50;
const maxGroup = 2000;
const maxQueued = 100_000;

export function createInvocationLog(options: { db: Kysely<Schema>; log: Logger; metrics: Metrics; sessionIdleMs: number }): InvocationLog {
  const group = createGroupCommit<InvocationRecord, undefined>({
    waitMs: groupWaitMs,
    maxItems: maxGroup,
    maxQueued,
    commit: options.metrics.group("invocations", async (records) => {
      await insertInvocations(options.db, records, options.sessionIdleMs);
      return records.map(() => undefined);
    }),
  });
  return {
    add(record) {
      group.add(record).catch((error: unknown) => {
        options.metrics.dropped("invocation_record");
        // The runtime's own event still counts the invocation.
        options.log.error(
          { err: error, traceId: record.traceId, queueFull: error instanceof QueueFullError },
          "An invocation record was not written",
        );
      });
    },
    flush: () => group.flush(),
  };
}
