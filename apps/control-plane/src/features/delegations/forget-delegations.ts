import { deleteExpiredAnswers, eraseExpiredAnswers } from "@whs/platform/idempotency";
import type { Kysely } from "kysely";
import type { Schema } from "../../database.ts";

export const delegationsTable = "whs.delegated_invocations";
/** How long the key of a delegation is known, which is beyond its answer. */
export const keyKeptHours = 30 * 24;

/** Erases answers and removes keys whose time is over. */
export async function forgetDelegations(db: Kysely<Schema>): Promise<void> {
  await eraseExpiredAnswers(db, delegationsTable);
  await deleteExpiredAnswers(db, delegationsTable);
}
