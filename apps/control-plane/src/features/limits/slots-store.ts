import { type Kysely, sql } from "kysely";
import type { Schema } from "../../database.ts";

export interface SlotsKey {
  userId: string;
  gatewayId: string;
}

/**
 * Adds places to a gateway's, as many of the wanted as there are. Places of one user are granted one after the other.
 * @returns how many, and how many others hold
 */
export function takeSlots(
  db: Kysely<Schema>,
  key: SlotsKey,
  { held, wanted, most, leaseSeconds }: { held: number; wanted: number; most: number; leaseSeconds: number },
): Promise<{ granted: number; others: number }> {
  return db.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`slots/${key.userId}`}, 0))`.execute(transaction);
    const { rows } = await sql<{ others: number }>`
      select coalesce(sum(slots), 0)::int8 as others from whs.concurrency_leases
      where user_id = ${key.userId} and gateway_id <> ${key.gatewayId} and expires_at > clock_timestamp()`.execute(transaction);
    const others = rows[0]?.others ?? 0;
    const granted = Math.min(wanted, Math.max(0, most - others - held));
    if (held + granted > 0)
      await sql`
        insert into whs.concurrency_leases (user_id, gateway_id, slots, expires_at)
        values (${key.userId}, ${key.gatewayId}, ${held + granted}, clock_timestamp() + make_interval(secs => ${leaseSeconds}))
        on conflict (user_id, gateway_id) do update set slots = excluded.slots, expires_at = excluded.expires_at`.execute(transaction);
    return { granted, others };
  });
}

/** Says what a gateway holds now, keeps it alive, and removes what was held by gateways that are gone. */
export async function updateSlots(
  db: Kysely<Schema>,
  gatewayId: string,
  holdings: readonly { userId: string; slots: number }[],
  leaseSeconds: number,
): Promise<void> {
  const kept = holdings.filter(({ slots }) => slots > 0);
  const given = holdings.filter(({ slots }) => slots === 0);
  if (kept.length > 0)
    await sql`
      insert into whs.concurrency_leases (user_id, gateway_id, slots, expires_at)
      select user_id, ${gatewayId}, slots, statement_timestamp() + make_interval(secs => ${leaseSeconds})
      from unnest(${kept.map(({ userId }) => userId)}::text[], ${kept.map(({ slots }) => slots)}::int[]) as kept (user_id, slots)
      order by user_id
      on conflict (user_id, gateway_id) do update set slots = excluded.slots, expires_at = excluded.expires_at`.execute(db);
  if (given.length > 0)
    await sql`
      delete from whs.concurrency_leases
      where (gateway_id = ${gatewayId} and user_id = any(${given.map(({ userId }) => userId)}::text[]))
        or expires_at < statement_timestamp() - interval '1 minute'`.execute(db);
}
