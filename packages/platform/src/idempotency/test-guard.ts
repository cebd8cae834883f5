/** The mechanism as an app puts it together, on the real tables; tests and the processes that they kill share it. */
import { type AuditedWrite, createAuditedWrite, openDatabase, type Transaction } from "@whs/platform/db";
import type { IdempotencyGuard } from "@whs/platform/http";
import { createLogger } from "@whs/platform/log";
import { sql } from "kysely";
import type pg from "pg";
import { createIdempotency } from "./index.ts";

interface Schema {
  "public.things": { name: string };
}

export interface Context {
  user: string;
  write: AuditedWrite<Schema>;
}

export interface TestGuard {
  guard: IdempotencyGuard<Context>;
  contextOf: (user: string) => Context;
  pool: pg.Pool;
  close: () => Promise<void>;
}

const table = "whs.idempotency_keys";
const key = Buffer.alloc(32, 7);

export function openTestGuard(url: string, options: { claimSeconds?: number; waitMs?: number } = {}): TestGuard {
  const log = createLogger({ name: "test", level: "silent" });
  const database = openDatabase<Schema>({ url, applicationName: "guard", maxConnections: 8, log });
  const { kysely, pool } = database;
  const actor = { userId: null, actor: "test", traceId: null };
  const writeWith = (beforeCommit?: (transaction: Transaction<Schema>, result: unknown) => Promise<void>): AuditedWrite<Schema> =>
    createAuditedWrite(actor, { kysely, auditTable: "whs.audit_log", ...(beforeCommit ? { beforeCommit } : {}) });
  return {
    guard: createIdempotency<Context, Schema>({
      ...options,
      kysely,
      table,
      key,
      log,
      scopeOf: ({ user }) => user,
      withCompletion: (context, complete) => ({ ...context, write: writeWith(complete) }),
    }),
    contextOf: (user) => ({ user, write: writeWith() }),
    pool,
    close: () => database.close(),
  };
}

/** The work of these tests: a row, whose result is the answer. */
export async function createThing(context: Context, name: string, whileOpen?: () => Promise<void>): Promise<{ thing: { name: string } }> {
  return context.write({ action: "thing.created" }, async (transaction) => {
    await sql`insert into public.things (name) values (${name})`.execute(transaction);
    await whileOpen?.();
    return { thing: { name } };
  });
}
