import { AppError, conflict, toStoredError } from "@whs/platform/errors";
import type { IdempotencyGuard, IdempotentAnswer, IdempotentRequest } from "@whs/platform/http";
import { type Kysely, sql, type Transaction } from "kysely";
import { createCipheriv, createDecipheriv, createHash, randomBytes, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

export interface IdempotencyOptions<C, Schema> {
  kysely: Kysely<Schema>;
  /** Table with its schema, such as `whs.idempotency_keys`. */
  table: string;
  /** 32 bytes; stored answers are encrypted with it. */
  key: Buffer;
  /** Whose keys these are: the user's id. */
  scopeOf: (context: C) => string;
  /** The same context, whose write stores its result as the answer in its own transaction. */
  withCompletion: (context: C, complete: (transaction: Transaction<Schema>, result: unknown) => Promise<void>) => C;
}

/** How long an answer is kept, in hours. */
const keptHours = 24;
/** A claim not renewed for this long is a crashed process's and may be taken over. */
const claimSeconds = 30;
const renewEveryMs = 10_000;
/** How long a duplicate waits for the first to finish before it is told to come back. */
const waitMs = 10_000;

interface Row {
  request_hash: string;
  status: "running" | "done";
  response: Buffer | null;
}

/**
 * One mechanism for every creating request. A request claims its key in one statement, the change and the stored
 * answer commit together, and a claim that was lost in between makes that commit fail: whatever crashes, the work
 * happens once.
 */
export function createIdempotency<C, Schema>(options: IdempotencyOptions<C, Schema>): IdempotencyGuard<C> {
  const table = sql.table(options.table);
  const where = (id: ClaimId) => sql`scope = ${id.scope} and method = ${id.method} and path = ${id.path} and key_sha256 = ${id.keySha256}`;

  const claim = async (id: ClaimId, owner: string, requestHash: string): Promise<boolean> => {
    const { rows } = await sql<{ owner: string }>`
      insert into ${table} as k (scope, method, path, key_sha256, request_hash, status, owner, claimed_until, expires_at)
      values (${id.scope}, ${id.method}, ${id.path}, ${id.keySha256}, ${requestHash}, 'running', ${owner},
              now() + make_interval(secs => ${claimSeconds}), now() + make_interval(hours => ${keptHours}))
      on conflict (scope, method, path, key_sha256) do update
        set request_hash = excluded.request_hash, status = 'running', response = null, owner = excluded.owner,
            claimed_until = excluded.claimed_until, expires_at = excluded.expires_at
        where k.expires_at < now() or (k.status = 'running' and k.claimed_until < now() and k.request_hash = excluded.request_hash)
      returning owner`.execute(options.kysely);
    return rows.length === 1;
  };
  const complete = async (database: Kysely<Schema>, id: ClaimId, owner: string, answer: IdempotentAnswer): Promise<void> => {
    const response = encrypt(options.key, id, answer);
    const { numAffectedRows } =
      await sql`update ${table} set status = 'done', response = ${response} where ${where(id)} and owner = ${owner}`.execute(database);
    if (numAffectedRows !== 1n)
      throw conflict("Another request with this Idempotency-Key has taken over; repeat it to get its answer.", { retryable: true });
  };
  const renew = (id: ClaimId, owner: string) =>
    sql`update ${table} set claimed_until = now() + make_interval(secs => ${claimSeconds}) where ${where(id)} and owner = ${owner} and status = 'running'`.execute(
      options.kysely,
    );
  const release = (id: ClaimId, owner: string) => sql`delete from ${table} where ${where(id)} and owner = ${owner}`.execute(options.kysely);

  const storedAnswer = async (id: ClaimId, requestHash: string): Promise<IdempotentAnswer | undefined> => {
    const { rows } = await sql<Row>`select request_hash, status, response from ${table} where ${where(id)}`.execute(options.kysely);
    const [row] = rows;
    if (row === undefined) return undefined;
    if (row.request_hash !== requestHash) throw conflict("This Idempotency-Key was used with another body; use a new key.");
    return row.status === "done" && row.response !== null ? decrypt(options.key, id, row.response) : undefined;
  };

  const runClaimed = async (
    context: C,
    id: ClaimId,
    owner: string,
    request: IdempotentRequest,
    work: (context: C) => Promise<IdempotentAnswer>,
  ): Promise<IdempotentAnswer> => {
    let storedBody: unknown;
    const inner = options.withCompletion(context, async (transaction, result) => {
      await complete(transaction, id, owner, { status: request.successStatus, body: result });
      storedBody = result;
    });
    const renewal = setInterval(() => renew(id, owner).catch(() => clearInterval(renewal)), renewEveryMs);
    try {
      const answer = await work(inner);
      if (answer.body !== storedBody || storedBody === undefined) await complete(options.kysely, id, owner, answer);
      return answer;
    } catch (error) {
      if (storedBody === undefined) await settleFailure(error, id, owner);
      throw error;
    } finally {
      clearInterval(renewal);
    }
  };
  const settleFailure = async (error: unknown, id: ClaimId, owner: string): Promise<void> => {
    const stored = toStoredError(error);
    if (stored === undefined) await release(id, owner);
    else await complete(options.kysely, id, owner, stored);
  };

  return {
    async run(context, request, work) {
      const id: ClaimId = {
        scope: options.scopeOf(context),
        method: request.method,
        path: request.path,
        keySha256: createHash("sha256").update(request.key).digest("hex"),
      };
      const owner = randomUUID();
      const deadline = Date.now() + waitMs;
      for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 250)) {
        if (await claim(id, owner, request.requestHash))
          return { ...(await runClaimed(context, id, owner, request, work)), replayed: false };
        const answer = await storedAnswer(id, request.requestHash);
        if (answer !== undefined) return { ...answer, replayed: true };
        if (Date.now() > deadline)
          throw conflict("A request with this Idempotency-Key is still running; repeat it in a moment.", {
            retryable: true,
            retryAfterSeconds: 1,
          });
        await delay(pauseMs);
      }
    },
  };
}

/** Removes answers whose time is over; a job calls it. */
export async function deleteExpiredAnswers<Schema>(kysely: Kysely<Schema>, table: string): Promise<void> {
  await sql`delete from ${sql.table(table)} where expires_at < now()`.execute(kysely);
}

interface ClaimId {
  scope: string;
  method: string;
  path: string;
  keySha256: string;
}

const ivBytes = 12;
const tagBytes = 16;

function encrypt(key: Buffer, id: ClaimId, answer: IdempotentAnswer): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(JSON.stringify(id)));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(answer), "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
}

function decrypt(key: Buffer, id: ClaimId, bytes: Buffer): IdempotentAnswer {
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, ivBytes))
    .setAAD(Buffer.from(JSON.stringify(id)))
    .setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
  const text = Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString("utf8");
  const answer: unknown = JSON.parse(text);
  if (typeof answer !== "object" || answer === null || !("status" in answer) || typeof answer.status !== "number")
    throw new AppError("INTERNAL", "A stored answer cannot be read.");
  return { status: answer.status, body: "body" in answer ? answer.body : undefined };
}
