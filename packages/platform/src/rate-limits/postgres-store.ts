import { createGroupCommit } from "@whs/platform/db";
import { type Kysely, sql } from "kysely";
import type { RateRule, RateStore, WindowState } from "./port.ts";

export interface PostgresStoreOptions<Schema> {
  kysely: Kysely<Schema>;
  /**
   * Table with its schema, such as `whs.rate_limits`: `create unlogged table … (key text primary key, points bigint not
   * null, expires_at timestamptz not null)`, with an index on `expires_at`.
   */
  table: string;
  /** Told when windows that have ended could not be removed. */
  onCleaningFailed: (error: unknown) => void;
}

interface Addition extends RateRule {
  key: string;
  points: number;
}

/** One statement is on its way at a time; what comes meanwhile goes together with the next. */
const waitMs = 0;
const maxItems = 500;
const maxQueued = 20_000;
const cleanEveryMs = 60_000;
const cleanAtOnce = 10_000;

/** Windows in a table. The database's clock is the only one. */
export function createPostgresStore<Schema>(options: PostgresStoreOptions<Schema>): RateStore {
  const { kysely } = options;
  const table = sql.table(options.table);

  const addAll = async (additions: readonly Addition[]): Promise<WindowState[]> => {
    // A statement may touch a row once, and rows in one order, so that no two statements wait for each other.
    const byKey = new Map<string, Addition>();
    for (const addition of additions)
      byKey.set(addition.key, { ...addition, points: addition.points + (byKey.get(addition.key)?.points ?? 0) });
    const rows = [...byKey.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const result = await sql<{ key: string; total: number; reset_ms: number }>`
      insert into ${table} as r (key, points, expires_at)
      select key, points, statement_timestamp() + make_interval(secs => seconds)
      from unnest(${rows.map((row) => row.key)}::text[], ${rows.map((row) => row.points)}::bigint[], ${rows.map((row) => row.windowSeconds)}::float8[])
        as asked (key, points, seconds)
      on conflict (key) do update set
        points = excluded.points + case when r.expires_at <= statement_timestamp() then 0 else r.points end,
        expires_at = case when r.expires_at <= statement_timestamp() then excluded.expires_at else r.expires_at end
      returning key, points as total, (extract(epoch from r.expires_at - statement_timestamp()) * 1000)::float8 as reset_ms`.execute(
      kysely,
    );
    const states = new Map(result.rows.map(({ key, total, reset_ms }) => [key, { total, resetMs: reset_ms }]));
    // Who came first stands first in the window: the others' points are not in the total yet.
    return additions
      .toReversed()
      .map(({ key, points }) => {
        const state = states.get(key) as WindowState;
        const answer = { ...state };
        state.total -= points;
        return answer;
      })
      .toReversed();
  };
  const group = createGroupCommit<Addition, WindowState>({ commit: addAll, waitMs, maxItems, maxQueued });

  const clean = async (): Promise<void> => {
    await sql`
      delete from ${table} where key in (
        select key from ${table} where expires_at < statement_timestamp() limit ${cleanAtOnce} for update skip locked)`.execute(kysely);
  };
  let cleaning: Promise<void> | undefined;
  const timer = setInterval(() => {
    cleaning ??= clean()
      .catch(options.onCleaningFailed)
      .finally(() => {
        cleaning = undefined;
      });
  }, cleanEveryMs);
  timer.unref();

  return {
    add: (key, { limit, windowSeconds }, points) => group.add({ key, limit, windowSeconds, points }),
    async close() {
      clearInterval(timer);
      await cleaning;
      await group.flush();
    },
  };
}
