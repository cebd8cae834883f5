import { conflict, toStoredError } from "@whs/platform/errors";
import type { IdempotencyGuard, IdempotentAnswer, IdempotentRequest } from "@whs/platform/http";
import type { Logger } from "@whs/platform/log";
import { type Kysely, sql, type Transaction } from "kysely";
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Claim, type ClaimId, Claims } from "./claims.ts";

export interface IdempotencyOptions<C, Schema> {
  kysely: Kysely<Schema>;
  /** Table with its schema, such as `whs.idempotency_keys`. */
  table: string;
  /** 32 bytes; stored answers are encrypted with it. */
  key: Buffer;
  log: Logger;
  /** Whose keys these are: the user's id. */
  scopeOf: (context: C) => string;
  /** The same context, whose write stores its result as the answer in its own transaction. */
  withCompletion: (context: C, complete: (transaction: Transaction<Schema>, result: unknown) => Promise<void>) => C;
  /** A claim not renewed for this long is a crashed process's and may be taken over. Default 30. */
  claimSeconds?: number;
  /** How long a duplicate waits for the first to finish before it is told to come back. Default 10 s. */
  waitMs?: number;
}

const defaultClaimSeconds = 30;
const defaultWaitMs = 10_000;
/** A claim outlives this many renewals that fail. */
const renewalsPerClaim = 3;
const firstPauseMs = 10;
const longestPauseMs = 250;

/**
 * One mechanism for every creating request. A request claims its key in one statement, the change and the stored
 * answer commit together, and a claim that was lost in between makes that commit fail: whatever crashes, the work
 * happens once.
 */
export function createIdempotency<C, Schema>(options: IdempotencyOptions<C, Schema>): IdempotencyGuard<C> {
  const { claimSeconds = defaultClaimSeconds, waitMs = defaultWaitMs } = options;
  const claims = new Claims<Schema>({ ...options, claimSeconds });
  return {
    async run(context, request, work) {
      const id = claimIdOf(options.scopeOf(context), request);
      const claim: Claim = { id, owner: randomUUID() };
      const deadline = performance.now() + waitMs;
      for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
        if (await claims.take(claim, request.requestHash)) {
          const stopRenewing = keepRenewing(claims, claim, (claimSeconds * 1000) / renewalsPerClaim, options.log);
          try {
            return {
              ...(await runClaimed(options, claims, claim, request, (complete) => work(options.withCompletion(context, complete)))),
              replayed: false,
            };
          } finally {
            stopRenewing();
          }
        }
        const answer = await claims.storedAnswer(id, request.requestHash);
        if (answer !== undefined) return { ...answer, replayed: true };
        if (performance.now() > deadline) throw stillRunning();
        await delay(pauseMs);
      }
    },
  };
}

type Complete<Schema> = (transaction: Transaction<Schema>, result: unknown) => Promise<void>;

async function runClaimed<C, Schema>(
  { kysely, log }: IdempotencyOptions<C, Schema>,
  claims: Claims<Schema>,
  claim: Claim,
  request: IdempotentRequest,
  work: (complete: Complete<Schema>) => Promise<IdempotentAnswer>,
): Promise<IdempotentAnswer> {
  const withContent = (answer: IdempotentAnswer): IdempotentAnswer => {
    const contentSha256 = request.contentSha256?.();
    return contentSha256 === undefined ? answer : { ...answer, contentSha256 };
  };
  let written: { result: unknown } | undefined;
  try {
    const answer = await work(async (transaction, result) => {
      await claims.complete(transaction, claim, withContent({ status: request.successStatus, body: result }));
      written = { result };
    });
    if (written === undefined || written.result !== answer.body) await claims.complete(kysely, claim, withContent(answer));
    return answer;
  } catch (error) {
    // If the change is committed, its answer is too, and neither of these touches it: what failed came after.
    const settled = toStoredError(error);
    const settling = settled === undefined ? claims.release(claim) : claims.completeRunning(claim, settled);
    await settling.catch((cause: unknown) => log.warn({ err: cause }, "Cannot settle an idempotency claim; it ends by itself"));
    throw error;
  }
}

/** @returns what stops it */
function keepRenewing<Schema>(claims: Claims<Schema>, claim: Claim, everyMs: number, log: Logger): () => void {
  const timer = setInterval(() => {
    claims.renew(claim).catch((error: unknown) => log.warn({ err: error }, "Cannot renew an idempotency claim yet"));
  }, everyMs);
  return () => clearInterval(timer);
}

function claimIdOf(scope: string, { method, path, key }: IdempotentRequest): ClaimId {
  return { scope, method, path, keySha256: createHash("sha256").update(key).digest("hex") };
}

function stillRunning() {
  return conflict("A request with this Idempotency-Key is still running; repeat it in a moment.", {
    retryable: true,
    retryAfterSeconds: 1,
  });
}

/** Removes answers whose time is over; a job calls it. */
export async function deleteExpiredAnswers<Schema>(kysely: Kysely<Schema>, table: string): Promise<void> {
  await sql`delete from ${sql.table(table)} where expires_at < now()`.execute(kysely);
}
