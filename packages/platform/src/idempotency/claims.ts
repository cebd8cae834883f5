import { conflict } from "@whs/platform/errors";
import type { IdempotentAnswer } from "@whs/platform/http";
import { type Kysely, type RawBuilder, sql } from "kysely";
import { openAnswer, sealAnswer } from "./sealed-answer.ts";

/** What an Idempotency-Key is unique for. */
export interface ClaimId {
  scope: string;
  method: string;
  path: string;
  keySha256: string;
}

export interface Claim {
  id: ClaimId;
  /** A UUID that only this run has. */
  owner: string;
}

interface ClaimsOptions<Schema> {
  kysely: Kysely<Schema>;
  table: string;
  key: Buffer;
  claimSeconds: number;
}

/** How long an answer is kept. */
const keptHours = 24;

interface Row {
  request_hash: string;
  status: "running" | "done";
  response: Buffer | null;
}

/** The rows of an idempotency table, one operation each. The database's clock is the only one. */
export class Claims<Schema> {
  readonly #kysely: Kysely<Schema>;
  readonly #table: RawBuilder<unknown>;
  readonly #key: Buffer;
  readonly #claimSeconds: number;

  constructor(options: ClaimsOptions<Schema>) {
    this.#kysely = options.kysely;
    this.#table = sql.table(options.table);
    this.#key = options.key;
    this.#claimSeconds = options.claimSeconds;
  }

  /** @returns whether the claim is the caller's: the key is new, its time is over, or who claimed it for this body is dead. */
  async take({ id, owner }: Claim, requestHash: string): Promise<boolean> {
    const { rows } = await sql`
      insert into ${this.#table} as k (scope, method, path, key_sha256, request_hash, status, owner, claimed_until, expires_at)
      values (${id.scope}, ${id.method}, ${id.path}, ${id.keySha256}, ${requestHash}, 'running', ${owner},
              now() + make_interval(secs => ${this.#claimSeconds}), now() + make_interval(hours => ${keptHours}))
      on conflict (scope, method, path, key_sha256) do update
        set request_hash = excluded.request_hash, status = 'running', response = null, owner = excluded.owner,
            claimed_until = excluded.claimed_until, expires_at = excluded.expires_at
        where k.expires_at < now() or (k.status = 'running' and k.claimed_until < now() and k.request_hash = excluded.request_hash)
      returning owner`.execute(this.#kysely);
    return rows.length === 1;
  }

  /** @throws AppError `CONFLICT` when the key was used with another body. */
  async storedAnswer(id: ClaimId, requestHash: string): Promise<IdempotentAnswer | undefined> {
    const { rows } = await sql<Row>`select request_hash, status, response from ${this.#table} where ${matches(id)}`.execute(this.#kysely);
    const [row] = rows;
    if (row === undefined) return undefined;
    if (row.request_hash !== requestHash) throw conflict("This Idempotency-Key was used with another body; use a new key.");
    return row.status === "done" && row.response !== null ? openAnswer(this.#key, id, row.response) : undefined;
  }

  /** @throws AppError `CONFLICT` when the claim was lost: in a transaction, its change is then undone. */
  async complete(database: Kysely<Schema>, claim: Claim, answer: IdempotentAnswer): Promise<void> {
    const response = sealAnswer(this.#key, claim.id, answer);
    const { numAffectedRows } = await sql`update ${this.#table} set status = 'done', response = ${response} where ${isOwn(claim)}`.execute(
      database,
    );
    if (numAffectedRows !== 1n) {
      throw conflict("Another request with this Idempotency-Key has taken over; repeat it to get its answer.", { retryable: true });
    }
  }

  /** Stores an answer unless there is one. */
  async completeRunning(claim: Claim, answer: IdempotentAnswer): Promise<void> {
    const response = sealAnswer(this.#key, claim.id, answer);
    await sql`update ${this.#table} set status = 'done', response = ${response} where ${isOwn(claim)} and status = 'running'`.execute(
      this.#kysely,
    );
  }

  async renew(claim: Claim): Promise<void> {
    await sql`update ${this.#table} set claimed_until = now() + make_interval(secs => ${this.#claimSeconds})
              where ${isOwn(claim)} and status = 'running'`.execute(this.#kysely);
  }

  /** Lets the next request with this key do the work. */
  async release(claim: Claim): Promise<void> {
    await sql`delete from ${this.#table} where ${isOwn(claim)} and status = 'running'`.execute(this.#kysely);
  }
}

function matches(id: ClaimId): RawBuilder<unknown> {
  return sql`scope = ${id.scope} and method = ${id.method} and path = ${id.path} and key_sha256 = ${id.keySha256}`;
}

function isOwn({ id, owner }: Claim): RawBuilder<unknown> {
  return sql`${matches(id)} and owner = ${owner}`;
}
