import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import path from "node:path";

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** @param part 0 to 1 */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
}

export interface Report {
  benchmark: string;
  /** What each row says, one object a row with the same keys. */
  rows: Record<string, string | number>[];
  /** Whatever else is worth keeping. */
  details?: object;
}

/** Prints a table and keeps it with the circumstances in `results/<benchmark>.json`. */
export async function publish(report: Report): Promise<void> {
  console.table(report.rows);
  const directory = path.resolve(import.meta.dirname, "../results");
  await mkdir(directory, { recursive: true });
  const circumstances = {
    at: new Date().toISOString(),
    node: process.version,
    cores: cpus().length,
    loadAverage: round(loadavg()[0] ?? 0, 1),
  };
  await writeFile(path.join(directory, `${report.benchmark}.json`), `${JSON.stringify({ ...report, circumstances }, null, 2)}\n`);
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
