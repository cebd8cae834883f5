import type { IdempotencyGuard } from "@whs/platform/http";
import { type Kysely, sql, type Transaction } from "kysely";
import { createHash } from "node:crypto";
import { createRunOnce, type OnceOptions } from "./run-claimed.ts";

export { type ClaimedRequest, type Complete, createRunOnce, type OnceOptions, type RunOnce } from "./run-claimed.ts";

export interface IdempotencyOptions<C, Schema> extends OnceOptions<Schema> {
  /** Whose keys these are: the user's id. */
  scopeOf: (context: C) => string;
  /** The same context, whose write stores its result as the answer in its own transaction. */
  withCompletion: (context: C, complete: (transaction: Transaction<Schema>, result: unknown) => Promise<void>) => C;
}

/** The mechanism for every creating request, by its `Idempotency-Key`. */
export function createIdempotency<C, Schema>(options: IdempotencyOptions<C, Schema>): IdempotencyGuard<C> {
  const runOnce = createRunOnce(options);
  return {
    run(context, { method, path, key, ...request }, work) {
      const id = { scope: options.scopeOf(context), method, path, key_sha256: hashKey(key) };
      return runOnce({ id, ...request }, (complete) => work(options.withCompletion(context, complete)));
    },
  };
}

/** Tables hold a key's hash: keys are the callers' own words. */
export function hashKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Removes keys whose time is over, with their answers; a job calls it. */
export async function deleteExpiredAnswers<Schema>(kysely: Kysely<Schema>, table: string): Promise<void> {
  await sql`delete from ${sql.table(table)} where expires_at < now()`.execute(kysely);
}

/** Removes answers whose time is over from a table that knows their keys for longer; a job calls it. */
export async function eraseExpiredAnswers<Schema>(kysely: Kysely<Schema>, table: string): Promise<void> {
  await sql`update ${sql.table(table)} set response = null where answer_expires_at < now() and response is not null`.execute(kysely);
}
