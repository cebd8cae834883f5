import type { SystemContext } from "../../context.ts";
import { deleteExpiredRows, deleteOldAggregates, dropPartition, listOldPartitions, partitioned } from "./store.ts";

const dayMs = 86_400_000;
/** Aggregates are kept for thirteen months, so that a month can be compared with the same one a year before. */
const aggregateDays = 396;
/** Deletions are made in batches; what one run does not reach the next one does. */
const maxBatches = 200;

/**
 * Deletes what each plan no longer keeps, in batches, and drops the partitions that no plan keeps. A row stays for the
 * whole of its last day.
 */
export async function deleteExpired(context: SystemContext): Promise<{ rows: number; partitions: number }> {
  const now = context.now().getTime();
  let rows = 0;
  let batches = 0;
  for (const [tier, entitlements] of Object.entries(context.tiers)) {
    for (const table of partitioned) {
      const days = table === "agent_log_lines" ? entitlements.logsRetentionDays : entitlements.telemetryRetentionDays;
      const before = new Date(now - days * dayMs);
      for (let more = true; more && batches < maxBatches; batches++) {
        const batch = await deleteExpiredRows(context.db, table, tier, before);
        rows += batch.deleted;
        more = batch.more;
      }
    }
  }
  const partitions = await dropOldPartitions(context, now);
  await deleteOldAggregates(context.db, new Date(now - aggregateDays * dayMs));
  if (rows > 0 || partitions > 0) context.log.info({ rows, partitions }, "Deleted what no plan keeps any longer");
  return { rows, partitions };
}

async function dropOldPartitions(context: SystemContext, now: number): Promise<number> {
  const longest = Math.max(...Object.values(context.tiers).map((tier) => Math.max(tier.telemetryRetentionDays, tier.logsRetentionDays)));
  const names = await listOldPartitions(context.db, new Date(now - longest * dayMs));
  for (const name of names) await dropPartition(context.db, name);
  return names.length;
}
