/** Counts attempts in fixed windows, in the database, so that all replicas count together. */
import type pg from "pg";

export interface Limit {
  max: number;
  windowSeconds: number;
}

export interface Verdict {
  allowed: boolean;
  /** Seconds until the window ends. */
  retryAfter: number;
}

export interface Attempts {
  /** Counts one attempt; exactly `max` of a window are allowed, also when they come at the same time. */
  consume(key: string, limit: Limit): Promise<Verdict>;
  forget(keys: readonly string[]): Promise<void>;
  /** Drops counters whose window is over. */
  prune(): Promise<void>;
}

const LONGEST_KEY = 400;

export function createAttempts(pool: pg.Pool): Attempts {
  return {
    async consume(key, { max, windowSeconds }) {
      // Counting stops just over the limit, so that a flood cannot overflow the counter.
      const { rows } = await pool.query<{ count: number; retry_after: number }>(
        `INSERT INTO identity.attempts AS attempt (key, count, window_ends)
         VALUES ($1, 1, now() + make_interval(secs => $2))
         ON CONFLICT (key) DO UPDATE SET
           count = CASE WHEN attempt.window_ends <= now() THEN 1 ELSE least(attempt.count, $3) + 1 END,
           window_ends = CASE WHEN attempt.window_ends <= now() THEN excluded.window_ends ELSE attempt.window_ends END
         RETURNING count, ceil(extract(epoch FROM window_ends - now()))::int AS retry_after`,
        [key.slice(0, LONGEST_KEY), windowSeconds, max],
      );
      const [row] = rows;
      if (row === undefined) throw new Error("Cannot count an attempt: the database returned no row");
      return { allowed: row.count <= max, retryAfter: row.retry_after };
    },
    async forget(keys) {
      await pool.query("DELETE FROM identity.attempts WHERE key = ANY($1)", [keys.map((key) => key.slice(0, LONGEST_KEY))]);
    },
    async prune() {
      await pool.query("DELETE FROM identity.attempts WHERE window_ends < now()");
    },
  };
}
