import { type Kysely, sql } from "kysely";
import type { Schema } from "../../database.ts";
import type { StreamCipher } from "./stream-cipher.ts";

/** How long a stream can be resumed after its last event. */
export const retentionMs = 5 * 60_000;
/** The owner of a running stream renews its expiry well within this time; one that did not is gone. */
export const leaseMs = 6_000;
/** In place of the gateway's id, for streams that were ended because their gateway was gone. */
const lost = "lost";

/** Events of one stream that are not in the store yet. */
export interface StreamBatch {
  id: string;
  userId: string;
  agentId: string;
  lastEventId: number;
  ended: boolean;
  chunks: readonly EventChunk[];
}

/** Consecutive events as they went over the wire. */
export interface EventChunk {
  lastEventId: number;
  text: string;
}

/** What a look at a stream finds beyond an event. */
export interface StoredPart {
  lastEventId: number;
  /** False while the stream runs. */
  ended: boolean;
  /** Its gateway is gone: nobody will end it. */
  abandoned: boolean;
  /** It was ended in place of its gateway. */
  lost: boolean;
  /** In order; the first may begin before the event asked for. */
  chunks: EventChunk[];
}

/** All access to the streams and events that gateways share. */
export interface StreamStore {
  /** Writes all batches at once. @returns the streams that are still this gateway's. */
  save(batches: readonly StreamBatch[]): Promise<Set<string>>;
  /** Renews the expiry of streams that run on without new events. */
  renew(ids: readonly string[]): Promise<void>;
  find(owner: {
    userId: string;
    agentId: string;
    streamId: string;
  }): Promise<{ ended: boolean; lost: boolean; lastEventId: number } | undefined>;
  /** What is stored beyond an event of each stream; undefined for a stream that is not there (any more). */
  read(wants: readonly { streamId: string; after: number }[]): Promise<(StoredPart | undefined)[]>;
  /** Ends an abandoned stream, unless its gateway turned out to live or another process was first. */
  endAbandoned(streamId: string, last: EventChunk): Promise<void>;
}

const chunksPerRead = 8;

export function createStreamStore(options: { db: Kysely<Schema>; cipher: StreamCipher; gatewayId: string }): StreamStore {
  const { db, cipher, gatewayId } = options;
  return {
    async save(batches) {
      const events = batches.flatMap(({ id, chunks }) =>
        chunks.map((chunk) => ({ id, last: chunk.lastEventId, frame: cipher.seal(id, chunk.text) })),
      );
      const { rows } = await sql<{ id: string }>`
        with kept as (
          insert into whs.streams as s (id, user_id, agent_id, gateway_id, status, last_event_id, expires_at)
          select u.id, u.user_id, u.agent_id, ${gatewayId}, u.status, u.last_event_id, now() + ${retentionMs} * interval '1 ms'
          from unnest(${batches.map((b) => b.id)}::text[], ${batches.map((b) => b.userId)}::text[], ${batches.map((b) => b.agentId)}::text[],
            ${batches.map((b) => (b.ended ? "done" : "running"))}::text[], ${batches.map((b) => b.lastEventId)}::int[]) as u (id, user_id, agent_id, status, last_event_id)
          on conflict (id) do update set status = excluded.status, last_event_id = excluded.last_event_id, expires_at = excluded.expires_at
            where s.gateway_id = excluded.gateway_id
          returning s.id),
        written as (
          insert into whs.stream_events (stream_id, event_id, frame)
          select e.stream_id, e.event_id, e.frame
          from unnest(${events.map((e) => e.id)}::text[], ${events.map((e) => e.last)}::int[], ${events.map((e) => e.frame)}::bytea[]) as e (stream_id, event_id, frame)
          join kept on kept.id = e.stream_id
          on conflict (stream_id, event_id) do nothing)
        select id from kept`.execute(db);
      return new Set(rows.map((row) => row.id));
    },
    async renew(ids) {
      await sql`update whs.streams set expires_at = now() + ${retentionMs} * interval '1 ms'
        where id = any(${[...ids]}::text[]) and gateway_id = ${gatewayId} and status = 'running'`.execute(db);
    },
    async find({ userId, agentId, streamId }) {
      const row = await db
        .selectFrom("whs.streams")
        .select(["status", "last_event_id", "gateway_id"])
        .where("id", "=", streamId)
        .where("user_id", "=", userId)
        .where("agent_id", "=", agentId)
        .where("expires_at", ">", sql<Date>`now()`)
        .executeTakeFirst();
      return row && { ended: row.status === "done", lost: row.gateway_id === lost, lastEventId: row.last_event_id };
    },
    async read(wants) {
      const { rows } = await sql<ReadRow>`
        select w.place::int as place, s.status, s.gateway_id, s.last_event_id, s.expires_at < now() + ${retentionMs - leaseMs} * interval '1 ms' as lapsed, e.event_id, e.frame
        from unnest(${wants.map((w) => w.streamId)}::text[], ${wants.map((w) => w.after)}::int[]) with ordinality as w (id, after, place)
        join whs.streams s on s.id = w.id
        left join lateral (
          select event_id, frame from whs.stream_events where stream_id = w.id and event_id > w.after order by event_id limit ${chunksPerRead}) e on true
        order by w.place, e.event_id`.execute(db);
      const parts: (StoredPart | undefined)[] = wants.map(() => undefined);
      for (const row of rows) {
        const streamId = wants[row.place - 1]?.streamId ?? "";
        const part = (parts[row.place - 1] ??= {
          lastEventId: row.last_event_id,
          ended: row.status === "done",
          abandoned: row.status === "running" && row.lapsed,
          lost: row.gateway_id === lost,
          chunks: [],
        });
        if (row.frame !== null && row.event_id !== null)
          part.chunks.push({ lastEventId: row.event_id, text: cipher.open(streamId, row.frame) });
      }
      return parts;
    },
    async endAbandoned(streamId, last) {
      await sql`
        with ended as (
          update whs.streams set status = 'done', gateway_id = ${lost}, last_event_id = ${last.lastEventId}, expires_at = now() + ${retentionMs} * interval '1 ms'
          where id = ${streamId} and status = 'running' and last_event_id = ${last.lastEventId - 1}
            and expires_at < now() + ${retentionMs - leaseMs} * interval '1 ms'
          returning id)
        insert into whs.stream_events (stream_id, event_id, frame)
        select id, ${last.lastEventId}, ${cipher.seal(streamId, last.text)} from ended`.execute(db);
    },
  };
}

interface ReadRow {
  place: number;
  status: string;
  gateway_id: string;
  last_event_id: number;
  lapsed: boolean;
  event_id: number | null;
  frame: Buffer | null;
}

/** Removes what cannot be resumed any more, in batches, so that no lock is held for long. */
export async function deleteExpiredStreams(db: Kysely<Schema>): Promise<void> {
  const atOnce = 5_000;
  let deleted: number;
  do {
    const { rows } = await sql<{ n: number }>`
      with gone as (delete from whs.streams where id in (select id from whs.streams where expires_at < now() order by expires_at limit ${atOnce} for update skip locked) returning 1)
      select count(*)::int as n from gone`.execute(db);
    deleted = rows[0]?.n ?? 0;
  } while (deleted === atOnce);
}
