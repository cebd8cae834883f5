import { lazy, Suspense, useEffect, useState } from "react";
import { usePreferences } from "../../../preferences.ts";
import { Amount } from "../../../ui/number.tsx";
import { Skeleton } from "../../../ui/skeleton.tsx";
import { type Column, Table } from "../../../ui/table.tsx";
import { bucketTimeFormat } from "./bucket-time.ts";
import { type Measure, measures, type Point, totalOf } from "./measures.ts";
import type { Bucket } from "./metrics-query.ts";

const MeasureChart = lazy(() => import("./metrics-charts.tsx"));

interface FiguresProps {
  series: readonly Point[];
  bucket: Bucket;
}

/** A chart for each measure. Each is also a column of the table below, which says the same in words. */
export function MetricsFigures({ series, bucket }: FiguresProps) {
  const [ready, setReady] = useState(false);
  // What draws charts measures the page, and is of no use on the server.
  useEffect(() => setReady(true), []);
  return (
    <>
      <div className="grid grid-cols-1 gap-4 xl:grid-cols-2">
        {measures.map((measure) => (
          <figure key={measure.key} className="min-w-0 overflow-hidden rounded-lg border border-line bg-surface p-4">
            <figcaption className="mb-3 flex flex-wrap items-baseline justify-between gap-x-4">
              <h3 className="font-semibold">{headingOf(measure)}</h3>
              <p className="text-sm text-muted">
                In all: <Amount value={totalOf(series, measure)} options={measure.format} />
              </p>
            </figcaption>
            <div aria-hidden data-chart={measure.key} className="h-45">
              {ready && (
                <Suspense fallback={<Skeleton lines={5} />}>
                  <MeasureChart measure={measure} series={series} bucket={bucket} />
                </Suspense>
              )}
            </div>
          </figure>
        ))}
      </div>
      <h3 className="mt-8 mb-3 font-semibold">The same as a table</h3>
      <FiguresTable series={series} bucket={bucket} />
    </>
  );
}

function FiguresTable({ series, bucket }: FiguresProps) {
  const times = bucketTimeFormat(usePreferences(), bucket);
  const columns: Column<Point>[] = [
    {
      key: "start",
      label: { minute: "Minute", hour: "Hour", day: "Day (UTC)" }[bucket],
      cell: ({ start }) => (
        <time dateTime={start} suppressHydrationWarning>
          {times.format(new Date(start))}
        </time>
      ),
    },
    ...measures.map((measure) => columnOf(measure)),
  ];
  return (
    <div className="max-h-[32rem] overflow-y-auto">
      <Table
        caption={`Figures by the ${bucket}, newest first`}
        columns={columns}
        rows={series.toReversed()}
        rowKey={({ start }) => start}
      />
    </div>
  );
}

function columnOf(measure: Measure): Column<Point> {
  const { key, format } = measure;
  return { key, label: headingOf(measure), align: "end", cell: (point) => <Amount value={point[key]} options={format} /> };
}

function headingOf({ title, unit }: Measure): string {
  return unit === null ? title : `${title}, ${unit}`;
}
