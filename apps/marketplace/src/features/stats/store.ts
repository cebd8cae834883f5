import { type Kysely, sql, type Transaction } from "kysely";
import type { Schema } from "../../database.ts";

export interface DayRow {
  day: string;
  views: number;
  install_intents: number;
  redemptions: number;
}

/** Adds views to listings' days, in one order, so that no two statements wait for each other. */
export async function addViews(db: Kysely<Schema>, day: string, views: ReadonlyMap<string, number>): Promise<void> {
  const rows = [...views].toSorted(([a], [b]) => (a < b ? -1 : 1));
  await sql`
    insert into fleetprompt.listing_stats_daily as s (listing_id, day, views)
    select id, ${day}::date, n from unnest(${rows.map(([id]) => id)}::text[], ${rows.map(([, n]) => n)}::bigint[]) as seen (id, n)
    on conflict (listing_id, day) do update set views = s.views + excluded.views`.execute(db);
}

/** Counts an install intent or a redemption, in the transaction that makes it. */
export async function countInstall(
  transaction: Transaction<Schema>,
  listingId: string,
  day: string,
  what: "install_intents" | "redemptions",
): Promise<void> {
  const total = what === "install_intents" ? "install_attempts_30d" : "downloads_30d";
  await sql`
    insert into fleetprompt.listing_stats_daily as s (listing_id, day, ${sql.ref(what)}) values (${listingId}, ${day}::date, 1)
    on conflict (listing_id, day) do update set ${sql.ref(what)} = s.${sql.ref(what)} + 1`.execute(transaction);
  await sql`update fleetprompt.listings set ${sql.ref(total)} = ${sql.ref(total)} + 1 where id = ${listingId}`.execute(transaction);
}

export async function listDays(db: Kysely<Schema>, listingId: string, from: string): Promise<DayRow[]> {
  const { rows } = await sql<DayRow>`
    select day::text, views, install_intents, redemptions from fleetprompt.listing_stats_daily
    where listing_id = ${listingId} and day >= ${from}::date order by day`.execute(db);
  return rows;
}

/** Brings the sums of the last thirty days to what the days say. */
export async function refreshSums(db: Kysely<Schema>, from: string): Promise<void> {
  await sql`
    with sums as (
      select l.id, coalesce(sum(s.install_intents), 0)::int as attempts, coalesce(sum(s.redemptions), 0)::int as downloads
      from fleetprompt.listings l left join fleetprompt.listing_stats_daily s on s.listing_id = l.id and s.day >= ${from}::date
      where l.install_attempts_30d > 0 or l.downloads_30d > 0 group by l.id)
    update fleetprompt.listings l set install_attempts_30d = sums.attempts, downloads_30d = sums.downloads from sums
    where l.id = sums.id and (l.install_attempts_30d, l.downloads_30d) is distinct from (sums.attempts, sums.downloads)`.execute(db);
}

export async function deleteDaysBefore(db: Kysely<Schema>, day: string): Promise<void> {
  await sql`delete from fleetprompt.listing_stats_daily where day < ${day}::date`.execute(db);
}
