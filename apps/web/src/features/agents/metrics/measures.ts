/** What is measured of an agent, each with how its figures are written. */
import type { getMetrics, ReceivedOf } from "@whs/api";

export type Point = ReceivedOf<typeof getMetrics>["series"][number];
type Figure = "requests" | "errors" | "tokens" | "computeMs" | "costUsdEstimated";

export interface Measure {
  key: Figure;
  title: string;
  /** Where the title does not say it. */
  unit: string | null;
  /** As the style sheet names it. */
  colour: string;
  format: Intl.NumberFormatOptions;
}

export const measures: readonly Measure[] = [
  { key: "requests", title: "Requests", unit: null, colour: "var(--accent)", format: {} },
  { key: "errors", title: "Errors", unit: null, colour: "var(--bad)", format: {} },
  { key: "tokens", title: "Tokens", unit: null, colour: "var(--good)", format: {} },
  { key: "computeMs", title: "Compute", unit: "milliseconds", colour: "var(--warn)", format: { maximumFractionDigits: 0 } },
  {
    key: "costUsdEstimated",
    title: "Cost, estimated",
    unit: "US dollars",
    colour: "var(--muted)",
    format: { style: "currency", currency: "USD", maximumSignificantDigits: 3 },
  },
];

export function totalOf(series: readonly Point[], { key }: Measure): number {
  return series.reduce((sum, point) => sum + point[key], 0);
}
