import { conflict } from "@whs/platform/errors";
import type { IdempotentAnswer } from "@whs/platform/http";
import { type Kysely, type RawBuilder, sql } from "kysely";
import { openAnswer, sealAnswer } from "./sealed-answer.ts";

/** What a key is unique for: the columns of the table's primary key with their values. */
export type ClaimId = Readonly<Record<string, string>>;

export interface Claim {
  id: ClaimId;
  /** A UUID that only this run has. */
  owner: string;
  /** Further columns of the table, for whoever reads it. */
  notes?: Readonly<Record<string, string>>;
}

export interface ClaimsOptions<Schema> {
  kysely: Kysely<Schema>;
  /** Table with its schema, such as `whs.idempotency_keys`. */
  table: string;
  /** 32 bytes; stored answers are encrypted with it. */
  key: Buffer;
  /** The key's name in messages. Default `Idempotency-Key`. */
  keyName?: string;
  /**
   * How long a key is known beyond its answer, in hours; the table then has the column `answer_expires_at`, and a key whose
   * answer is gone is refused. Without it, key and answer end together.
   */
  keyKeptHours?: number;
  /** A claim not renewed for this long is a crashed process's and may be taken over. Default 30. */
  claimSeconds?: number;
}

/** How long an answer is kept. */
const answerKeptHours = 24;
const defaultClaimSeconds = 30;

interface Row {
  request_hash: string;
  status: "running" | "done";
  response: Buffer | null;
  answer_over: boolean;
}

/** The rows of a table of claims, one operation each. The database's clock is the only one. */
export class Claims<Schema> {
  readonly claimSeconds: number;
  readonly keyName: string;
  readonly #kysely: Kysely<Schema>;
  readonly #table: RawBuilder<unknown>;
  readonly #key: Buffer;
  readonly #keyKeptHours: number | undefined;

  constructor(options: ClaimsOptions<Schema>) {
    this.claimSeconds = options.claimSeconds ?? defaultClaimSeconds;
    this.keyName = options.keyName ?? "Idempotency-Key";
    this.#kysely = options.kysely;
    this.#table = sql.table(options.table);
    this.#key = options.key;
    this.#keyKeptHours = options.keyKeptHours;
  }

  /** @returns whether the claim is the caller's: the key is new, its time is over, or who claimed it for this body is dead. */
  async take({ id, owner, notes }: Claim, requestHash: string): Promise<boolean> {
    const values: [column: string, value: unknown][] = [
      ...Object.entries({ ...notes, request_hash: requestHash, status: "running", owner }),
      ["claimed_until", sql`now() + make_interval(secs => ${this.claimSeconds})`],
      ["expires_at", inHours(this.#keyKeptHours ?? answerKeptHours)],
    ];
    if (this.#keyKeptHours !== undefined) values.push(["answer_expires_at", inHours(answerKeptHours)]);
    const all = [...Object.entries(id), ...values];
    const { rows } = await sql`
      insert into ${this.#table} as k (${list(all.map(([column]) => sql.ref(column)))})
      values (${list(all.map(([, value]) => sql`${value}`))})
      on conflict (${list(Object.keys(id).map((column) => sql.ref(column)))}) do update
        set response = null, ${list(values.map(([column]) => sql`${sql.ref(column)} = ${sql.ref(`excluded.${column}`)}`))}
        where k.expires_at < now() or (k.status = 'running' and k.claimed_until < now() and k.request_hash = excluded.request_hash)
      returning owner`.execute(this.#kysely);
    return rows.length === 1;
  }

  /** @throws AppError `CONFLICT` when the key was used with another body, or its answer is not kept any more. */
  async storedAnswer(id: ClaimId, requestHash: string): Promise<IdempotentAnswer | undefined> {
    const answerOver = this.#keyKeptHours === undefined ? sql`false` : sql`answer_expires_at < now()`;
    const { rows } = await sql<Row>`
      select request_hash, status, response, ${answerOver} as answer_over from ${this.#table} where ${matches(id)}`.execute(this.#kysely);
    const [row] = rows;
    if (row === undefined) return undefined;
    if (row.request_hash !== requestHash) throw conflict(`This ${this.keyName} was used with another body; use a new key.`);
    if (row.status !== "done") return undefined;
    if (row.response === null || row.answer_over) {
      throw conflict(`This ${this.keyName} was answered more than ${answerKeptHours} hours ago and its answer is not kept; use a new key.`);
    }
    return openAnswer(this.#key, id, row.response);
  }

  /** @throws AppError `CONFLICT` when the claim was lost: in a transaction, its change is then undone. */
  async complete(database: Kysely<Schema>, claim: Claim, answer: IdempotentAnswer): Promise<void> {
    const response = sealAnswer(this.#key, claim.id, answer);
    const { numAffectedRows } = await sql`update ${this.#table} set status = 'done', response = ${response} where ${isOwn(claim)}`.execute(
      database,
    );
    if (numAffectedRows !== 1n) {
      throw conflict(`Another request with this ${this.keyName} has taken over; repeat it to get its answer.`, { retryable: true });
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
    await sql`update ${this.#table} set claimed_until = now() + make_interval(secs => ${this.claimSeconds})
              where ${isOwn(claim)} and status = 'running'`.execute(this.#kysely);
  }

  /** Lets the next request with this key do the work. */
  async release(claim: Claim): Promise<void> {
    await sql`delete from ${this.#table} where ${isOwn(claim)} and status = 'running'`.execute(this.#kysely);
  }
}

function matches(id: ClaimId): RawBuilder<unknown> {
  return sql.join(
    Object.entries(id).map(([column, value]) => sql`${sql.ref(column)} = ${value}`),
    sql` and `,
  );
}

function isOwn({ id, owner }: Claim): RawBuilder<unknown> {
  return sql`${matches(id)} and owner = ${owner}`;
}

function inHours(hours: number): RawBuilder<unknown> {
  return sql`now() + make_interval(hours => ${hours})`;
}

function list(items: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return sql.join(items, sql`, `);
}
