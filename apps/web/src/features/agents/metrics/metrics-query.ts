/** What the metrics page shows, as its URL says it. */
export const buckets = ["minute", "hour", "day"] as const;
export type Bucket = (typeof buckets)[number];

const HOUR_MS = 3_600_000;
export const ranges = {
  "1h": { label: "1 hour", lengthMs: HOUR_MS, bucket: "minute" },
  "6h": { label: "6 hours", lengthMs: 6 * HOUR_MS, bucket: "minute" },
  "24h": { label: "24 hours", lengthMs: 24 * HOUR_MS, bucket: "hour" },
  "7d": { label: "7 days", lengthMs: 7 * 24 * HOUR_MS, bucket: "hour" },
  "30d": { label: "30 days", lengthMs: 30 * 24 * HOUR_MS, bucket: "day" },
  "90d": { label: "90 days", lengthMs: 90 * 24 * HOUR_MS, bucket: "day" },
} as const satisfies Record<string, { label: string; lengthMs: number; bucket: Bucket }>;
export type RangeName = keyof typeof ranges;
const DEFAULT_RANGE: RangeName = "24h";

export interface MetricsQuery {
  range: RangeName;
  /** Null lets the range decide. */
  bucket: Bucket | null;
  deploymentId: string | null;
  /** Where the range ends; null for now. */
  to: string | null;
}

/** Anything else in the URL is as if it were not there. */
export function readMetricsQuery(search: URLSearchParams): MetricsQuery {
  const range = search.get("range") ?? "";
  const to = Date.parse(search.get("to") ?? "");
  return {
    range: isRange(range) ? range : DEFAULT_RANGE,
    bucket: buckets.find((bucket) => bucket === search.get("bucket")) ?? null,
    deploymentId: search.get("deployment") || null,
    to: Number.isNaN(to) ? null : new Date(to).toISOString(),
  };
}

function isRange(name: string): name is RangeName {
  return Object.hasOwn(ranges, name);
}

const BUCKET_MS = { minute: 60_000, hour: HOUR_MS, day: 24 * HOUR_MS } as const;

/** What the API is asked for: whole buckets in UTC, the last one with the moment at which the range ends. */
export function windowOf({ range, bucket, to }: MetricsQuery, now: number): { from: string; to: string; bucket: Bucket } {
  const { lengthMs, bucket: usual } = ranges[range];
  const end = to === null ? now : Date.parse(to);
  const size = bucket ?? usual;
  const last = Math.ceil(end / BUCKET_MS[size]) * BUCKET_MS[size];
  const length = Math.max(lengthMs, BUCKET_MS[size]);
  return { from: new Date(last - length).toISOString(), to: new Date(last).toISOString(), bucket: size };
}

/** Where "earlier" and "later" lead: null is now. */
export function neighboursOf({ range, to }: MetricsQuery, now: number): { earlier: string; later: string | null; atEnd: boolean } {
  const { lengthMs } = ranges[range];
  const end = to === null ? now : Date.parse(to);
  const later = end + lengthMs;
  return {
    earlier: new Date(end - lengthMs).toISOString(),
    later: later >= now ? null : new Date(later).toISOString(),
    atEnd: to === null || end >= now,
  };
}
