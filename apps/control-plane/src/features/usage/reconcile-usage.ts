import type { Transaction } from "kysely";
import type { SystemContext } from "../../context.ts";
import type { FinishedPass, ReconciliationPass, Schema } from "../../database.ts";
import { addSums, driftOf } from "./drift.ts";
import {
  type BillingUsage,
  hasEvents,
  inOneSnapshot,
  type MonthSums,
  nextAccounts,
  type Progress,
  readCountersSince,
  readProgress,
  sealDay,
  sumEvents,
  writeBillingUsage,
  writeProgress,
} from "./reconcile-store.ts";

const dayMs = 86_400_000;
/** An event is taken up to a day after the time in its id, and is committed within this much of being taken. */
const lateMs = dayMs + 3_600_000;
/** One run takes no longer; the next one goes on where it stopped. */
const runMs = 20_000;
/** One step sums the events of no more accounts, and of fewer when these made this many requests. */
const accountsPerStep = 500;
const requestsPerStep = 1_000_000;

/**
 * Computes what each account used from the events themselves, into `billing_usage`, and reports how far the counters are
 * from it. Days to which no event can be added any more are summed once and for all, so that their events may go. It goes
 * on where the last run, of whichever process, stopped.
 * @returns what a pass over all accounts has found; undefined when this run did not reach the end of one.
 */
export async function reconcileUsage(
  context: Pick<SystemContext, "db" | "log" | "now">,
  options: { signal?: AbortSignal; accountsAtOnce?: number } = {},
): Promise<FinishedPass | undefined> {
  const until = performance.now() + runMs;
  while (performance.now() < until && options.signal?.aborted !== true) {
    const finished = await inOneSnapshot(context.db, (transaction) =>
      step(transaction, context, options.accountsAtOnce ?? accountsPerStep),
    );
    if (finished !== undefined) return finished;
  }
  return undefined;
}

async function step(
  transaction: Transaction<Schema>,
  context: Pick<SystemContext, "log" | "now">,
  accountsAtOnce: number,
): Promise<FinishedPass | undefined> {
  const progress = await readProgress(transaction);
  if (progress.sealedBefore < finalBefore(context.now())) {
    await seal(transaction, progress, accountsAtOnce);
    return undefined;
  }
  return goOnWithPass(transaction, progress, context, accountsAtOnce);
}

/** Events of days before this one are all there. */
function finalBefore(now: Date): string {
  return dayOf(new Date(now.getTime() - lateMs));
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

async function seal(
  transaction: Transaction<Schema>,
  { sealedBefore: day, sealingAfter, openSince }: Progress,
  limit: number,
): Promise<void> {
  const accounts = (await hasEvents(transaction, day)) ? await nextBatch(transaction, sealingAfter, openSince, limit) : [];
  const last = accounts.at(-1);
  if (last === undefined) return writeProgress(transaction, { sealedBefore: dayOf(new Date(Date.parse(day) + dayMs)), sealingAfter: "" });
  await sealDay(transaction, day, accounts);
  await writeProgress(transaction, { sealingAfter: last });
}

async function nextBatch(transaction: Transaction<Schema>, after: string, openSince: string, limit: number): Promise<string[]> {
  const accounts = await nextAccounts(transaction, after, openSince, limit);
  let requests = 0;
  const end = accounts.findIndex((account) => (requests += account.requests) > requestsPerStep);
  return accounts.slice(0, end === -1 ? undefined : Math.max(1, end)).map(({ id }) => id);
}

async function goOnWithPass(
  transaction: Transaction<Schema>,
  progress: Progress,
  context: Pick<SystemContext, "log" | "now">,
  limit: number,
): Promise<FinishedPass | undefined> {
  const { sealedBefore } = progress;
  const at = context.now();
  const pass = progress.pass ?? newPass(at, sealedBefore);
  const accounts = await nextBatch(transaction, progress.pass === null ? "" : progress.passAfter, progress.openSince, limit);
  const last = accounts.at(-1);
  if (last === undefined) {
    const finished: FinishedPass = { ...pass, finishedAt: at.toISOString() };
    // Months whose every day was final when the pass began are complete now.
    const openSince = `${pass.sealedBefore.slice(0, 7)}-01`;
    await writeProgress(transaction, { pass: null, passAfter: "", lastPass: finished, openSince });
    return finished;
  }
  const summed = await sumEvents(transaction, accounts, progress);
  const counted = await readCountersSince(transaction, accounts, progress.openSince);
  const missing = await writeBillingUsage(transaction, toMonths(summed), at);
  for (const month of missing) context.log.error(month, "Events are missing that a month's usage rests on; it stays as it was");
  const found = compare(context, counted, summed);
  await writeProgress(transaction, {
    pass: {
      ...pass,
      accounts: pass.accounts + accounts.length,
      drifting: pass.drifting + found.drifting,
      drift: {
        requests: pass.drift.requests + found.drift.requests,
        tokens: pass.drift.tokens + found.drift.tokens,
        computeMs: pass.drift.computeMs + found.drift.computeMs,
      },
    },
    passAfter: last,
  });
  return undefined;
}

function newPass(at: Date, sealedBefore: string): ReconciliationPass {
  return { startedAt: at.toISOString(), sealedBefore, accounts: 0, drifting: 0, drift: { requests: 0, tokens: 0, computeMs: 0 } };
}

function toMonths(rows: readonly MonthSums[]): BillingUsage[] {
  const months = new Map<string, BillingUsage>();
  for (const { userId, period, runtimeProvider, sums } of rows) {
    const key = `${userId}/${period}`;
    const month = months.get(key) ?? { userId, period, totals: sums, byRuntime: {} };
    month.byRuntime[runtimeProvider] = sums;
    months.set(key, month);
  }
  return [...months.values()].map((month) => ({ ...month, totals: addSums(Object.values(month.byRuntime)) }));
}

function compare(
  { log }: Pick<SystemContext, "log">,
  counted: readonly MonthSums[],
  summed: readonly MonthSums[],
): Pick<ReconciliationPass, "drifting" | "drift"> {
  const keyOf = (row: MonthSums): string => `${row.userId}/${row.period}/${row.runtimeProvider}`;
  const counters = new Map(counted.map((row) => [keyOf(row), row]));
  const events = new Map(summed.map((row) => [keyOf(row), row]));
  const drifting = new Set<string>();
  const total = { requests: 0, tokens: 0, computeMs: 0 };
  for (const [key, { userId, period, runtimeProvider }] of new Map([...counters, ...events])) {
    const drift = driftOf(counters.get(key)?.sums, events.get(key)?.sums);
    if (Object.keys(drift).length === 0) continue;
    drifting.add(userId);
    log.error({ userId, period, runtimeProvider, drift }, "Usage counters are not what the events come to");
    total.requests += Math.abs(drift.requests ?? 0);
    total.tokens += Math.abs(drift.tokens ?? 0);
    total.computeMs += Math.abs(drift.computeMs ?? 0);
  }
  return { drifting: drifting.size, drift: total };
}
