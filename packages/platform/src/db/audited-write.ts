import { newId } from "@whs/platform/ids";
import type { Kysely, Transaction } from "kysely";

/** What is done, to what. The target may be known only once it is done. */
export interface AuditEvent {
  /** `noun.verb` in the past: `agent.created`. */
  action: string;
  /** Id of what is changed. */
  target?: string;
  /** Bounded and free of secrets. */
  metadata?: Record<string, string | number | boolean | readonly string[] | null>;
}

/** The columns of an audit table, whichever schema it is in. */
export interface AuditTable {
  id: string;
  user_id: string | null;
  actor: string;
  action: string;
  target: string | null;
  trace_id: string | null;
  metadata: unknown;
}

export interface AuditActor {
  /** Owner of what is changed, who may read the entry. */
  userId: string | null;
  /** Who does it: `user:usr_…`, `token:tok_…`, `job:deploy`, `operator`. */
  actor: string;
  traceId: string | null;
}

/** Bytes of JSON that an entry's metadata may have. */
const maxMetadataBytes = 4096;

/** Runs a change and its audit row in one transaction; there is no other way to a writable transaction. */
export type AuditedWrite<Schema> = <Result>(
  event: AuditEvent,
  change: (transaction: Transaction<Schema>) => Promise<Result>,
) => Promise<Result>;

export interface AuditedWriteOptions<Schema> {
  kysely: Kysely<Schema>;
  /** Table with its schema, such as `whs.audit_log`. */
  auditTable: string;
  /** Runs in the same transaction after the change, with its result: where an idempotent answer is stored. */
  beforeCommit?: (transaction: Transaction<Schema>, result: unknown) => Promise<void>;
}

export function createAuditedWrite<Schema>(actor: AuditActor, options: AuditedWriteOptions<Schema>): AuditedWrite<Schema> {
  return (event, change) =>
    options.kysely.transaction().execute(async (transaction) => {
      const result = await change(transaction);
      await insertAudit(transaction, options.auditTable, actor, event);
      await options.beforeCommit?.(transaction, result);
      return result;
    });
}

/** Adds an entry to a transaction that another change has opened, for what one write does to several things. */
export async function insertAudit<Schema>(
  transaction: Transaction<Schema>,
  auditTable: string,
  actor: AuditActor,
  event: AuditEvent,
): Promise<void> {
  const metadata = JSON.stringify(event.metadata ?? {});
  if (Buffer.byteLength(metadata) > maxMetadataBytes)
    throw new Error(`Audit metadata of ${event.action} exceeds ${maxMetadataBytes} bytes`);
  const row: AuditTable = {
    id: newId("aud"),
    user_id: actor.userId,
    actor: actor.actor,
    action: event.action,
    target: event.target ?? null,
    trace_id: actor.traceId,
    metadata,
  };
  await (transaction as unknown as Transaction<Record<string, AuditTable>>).insertInto(auditTable).values(row).execute();
}
