/** The charts, with the library that draws them: loaded by the metrics page alone, in the browser. */
import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { usePreferences } from "../../../preferences.ts";
import { bucketTimeFormat } from "./bucket-time.ts";
import type { Measure, Point } from "./measures.ts";
import type { Bucket } from "./metrics-query.ts";

const HEIGHT_PX = 180;
/** Of the figures at the axis. */
const SHORT: Intl.NumberFormatOptions = { notation: "compact", currencyDisplay: "narrowSymbol" };

export default function MeasureChart({ measure, series, bucket }: { measure: Measure; series: readonly Point[]; bucket: Bucket }) {
  const preferences = usePreferences();
  const times = bucketTimeFormat(preferences, bucket);
  const time = (start: unknown): string => times.format(new Date(String(start)));
  const exact = new Intl.NumberFormat(preferences.locale, measure.format);
  const short = new Intl.NumberFormat(preferences.locale, { ...measure.format, ...SHORT, maximumSignificantDigits: 2 });
  return (
    <ResponsiveContainer width="100%" height={HEIGHT_PX}>
      <BarChart data={[...series]} accessibilityLayer={false} margin={{ top: 4, right: 4, bottom: 0, left: 0 }}>
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          dataKey="start"
          tickFormatter={time}
          minTickGap={48}
          stroke="var(--line-strong)"
          tick={{ fill: "var(--muted)", fontSize: 12 }}
        />
        <YAxis
          width={72}
          allowDecimals={measure.key === "costUsdEstimated"}
          tickFormatter={(value: number) => short.format(value)}
          stroke="var(--line-strong)"
          tick={{ fill: "var(--muted)", fontSize: 12 }}
        />
        <Tooltip
          labelFormatter={time}
          formatter={(value) => [exact.format(Number(value)), measure.title]}
          cursor={{ fill: "var(--hover)" }}
          contentStyle={{ background: "var(--raised)", borderColor: "var(--line)", color: "var(--text)" }}
          itemStyle={{ color: "var(--text)" }}
        />
        <Bar dataKey={measure.key} fill={measure.colour} isAnimationActive={false} />
      </BarChart>
    </ResponsiveContainer>
  );
}
