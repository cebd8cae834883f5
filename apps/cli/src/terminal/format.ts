const numbers = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export function count(value: number): string {
  return numbers.format(value);
}

/** `1 agent`, `2 agents`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** In units of 1,000, as disks and networks count. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  if (value < 1_000_000) return `${(value / 1000).toFixed(1)} kB`;
  return `${(value / 1_000_000).toFixed(1)} MB`;
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** Below this a cost is told as a bound. */
const SMALLEST_USD = 0.000_001;

/** Six digits, because one invocation costs a fraction of a cent. */
export function usd(value: number): string {
  if (value > 0 && value < SMALLEST_USD) return `<$${SMALLEST_USD.toFixed(6)}`;
  return `$${value.toFixed(value > 0 && value < 1 ? 6 : 2)}`;
}

export function estimatedCost(value: number): string {
  return `${usd(value)} (estimated)`;
}

/** A point in time in this machine's zone: `2026-11-21 13:45:02`. */
export function time(value: string | null): string {
  if (value === null) return "–";
  const date = new Date(value);
  const two = (part: number): string => String(part).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
