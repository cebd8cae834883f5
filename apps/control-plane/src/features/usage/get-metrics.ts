import { type AnswerOf, type getMetrics as endpoint, isWritableTime, metricsMaxBuckets, type QueryOf } from "@whs/api";
import { invalidRequest } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { requireAgent } from "../agents/index.ts";
import { roundUsd } from "./get-usage.ts";
import { sumByHour, sumByMinute, type Totals } from "./store.ts";

const bucketMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
/** Buckets shown when no range is asked for. */
const defaultBuckets = 24;

/** A series without gaps: buckets without a request are there with zeros. */
export async function getMetrics(context: Context, input: { id: string } & QueryOf<typeof endpoint>): Promise<AnswerOf<typeof endpoint>> {
  await requireAgent(context, input.id);
  const step = bucketMs[input.bucket];
  const { from, to } = rangeOf(input, step, context.now());
  const filter = { agentId: input.id, from, to, deploymentId: input.deploymentId, runtimeProvider: input.runtimeProvider };
  const rows = input.bucket === "minute" ? await sumByMinute(context.db, filter) : await sumByHour(context.db, filter, input.bucket);
  const byStart = new Map(rows.map((row) => [row.start.getTime(), row]));
  const series = [];
  for (let start = from.getTime(); start < to.getTime(); start += step)
    series.push({ start: new Date(start).toISOString(), end: new Date(start + step).toISOString(), ...figures(byStart.get(start)) });
  return { agentId: input.id, from: from.toISOString(), to: to.toISOString(), bucket: input.bucket, series };
}

function figures(row: Totals | undefined): Totals {
  if (row === undefined) return { requests: 0, tokens: 0, computeMs: 0, errors: 0, costUsdEstimated: 0 };
  return {
    requests: row.requests,
    tokens: row.tokens,
    computeMs: row.computeMs,
    errors: row.errors,
    costUsdEstimated: roundUsd(row.costUsdEstimated),
  };
}

/** Whole buckets in UTC that cover what was asked for. */
function rangeOf(input: { from?: string | undefined; to?: string | undefined }, step: number, now: Date): { from: Date; to: Date } {
  const to = Math.ceil((input.to === undefined ? now.getTime() + 1 : Date.parse(input.to)) / step) * step;
  const from = input.from === undefined ? to - defaultBuckets * step : Math.floor(Date.parse(input.from) / step) * step;
  // Whole buckets may begin before, or end after, all times that an answer can hold.
  if (!isWritableTime(from)) throw invalidRequest([{ fieldName: "from", message: "is too early for buckets of this size" }]);
  if (!isWritableTime(to)) throw invalidRequest([{ fieldName: "to", message: "is too late for buckets of this size" }]);
  if (from >= to) throw invalidRequest([{ fieldName: "from", message: "must be before to" }]);
  if ((to - from) / step > metricsMaxBuckets)
    throw invalidRequest([
      { fieldName: "bucket", message: `makes more than ${metricsMaxBuckets} buckets; ask for a shorter range or larger buckets` },
    ]);
  return { from: new Date(from), to: new Date(to) };
}
