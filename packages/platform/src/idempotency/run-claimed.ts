import { conflict, toStoredError } from "@whs/platform/errors";
import type { IdempotentAnswer } from "@whs/platform/http";
import type { Logger } from "@whs/platform/log";
import type { Kysely, Transaction } from "kysely";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Claim, type ClaimId, Claims, type ClaimsOptions } from "./claims.ts";

export interface OnceOptions<Schema> extends ClaimsOptions<Schema> {
  log: Logger;
  /** How long a duplicate waits for the first to finish before it is told to come back. Default 10 s. */
  waitMs?: number;
}

export interface ClaimedRequest {
  id: ClaimId;
  notes?: Readonly<Record<string, string>>;
  /** SHA-256 of the body, or of what is known of a body that streams. */
  requestHash: string;
  /** Status of the answer when the work succeeds. */
  successStatus: number;
  /** SHA-256 of a body that streams, known when the work is done; stored with the answer. */
  contentSha256?: () => string | undefined;
}

/** Stores the work's result as the answer, in the transaction of the work's change. */
export type Complete<Schema> = (transaction: Transaction<Schema>, result: unknown) => Promise<void>;

/**
 * Does the work, or gives the answer that it had. @throws AppError `CONFLICT` when the key was used with another body,
 * its answer is gone, or its work is still running.
 */
export type RunOnce<Schema> = (
  request: ClaimedRequest,
  work: (complete: Complete<Schema>) => Promise<IdempotentAnswer>,
) => Promise<IdempotentAnswer & { replayed: boolean }>;

const defaultWaitMs = 10_000;
/** A claim outlives this many renewals that fail. */
const renewalsPerClaim = 3;
const firstPauseMs = 10;
const longestPauseMs = 250;

/**
 * A request claims its key in one statement, the change and the stored answer commit together, and a claim that was lost
 * in between makes that commit fail: whatever crashes, the work happens once.
 */
export function createRunOnce<Schema>(options: OnceOptions<Schema>): RunOnce<Schema> {
  const { waitMs = defaultWaitMs, log, kysely } = options;
  const claims = new Claims<Schema>(options);
  return async (request, work) => {
    const { id, notes, requestHash } = request;
    const claim: Claim = { id, owner: randomUUID(), ...(notes === undefined ? {} : { notes }) };
    const deadline = performance.now() + waitMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      if (await claims.take(claim, requestHash)) {
        const stopRenewing = keepRenewing(claims, claim, log);
        try {
          return { ...(await runClaimed({ claims, claim, kysely, log }, request, work)), replayed: false };
        } finally {
          stopRenewing();
        }
      }
      const answer = await claims.storedAnswer(id, requestHash);
      if (answer !== undefined) return { ...answer, replayed: true };
      if (performance.now() > deadline) throw stillRunning(claims.keyName);
      await delay(pauseMs);
    }
  };
}

interface Claimed<Schema> {
  claims: Claims<Schema>;
  claim: Claim;
  kysely: Kysely<Schema>;
  log: Logger;
}

async function runClaimed<Schema>(
  { claims, claim, kysely, log }: Claimed<Schema>,
  request: ClaimedRequest,
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
function keepRenewing<Schema>(claims: Claims<Schema>, claim: Claim, log: Logger): () => void {
  const timer = setInterval(
    () => {
      claims.renew(claim).catch((error: unknown) => log.warn({ err: error }, "Cannot renew an idempotency claim yet"));
    },
    (claims.claimSeconds * 1000) / renewalsPerClaim,
  );
  return () => clearInterval(timer);
}

function stillRunning(keyName: string) {
  return conflict(`A request with this ${keyName} is still running; repeat it in a moment.`, { retryable: true, retryAfterSeconds: 1 });
}
