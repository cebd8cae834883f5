import { UsageError } from "../../errors.ts";

const DAY_MS = 86_400_000;

/** `30d`, `2027-01-31` (its start in UTC) or an RFC 3339 time. @throws UsageError */
export function parseExpiry(text: string, now: Date): string {
  const days = /^(\d{1,5})d$/.exec(text)?.[1];
  const time =
    days === undefined ? (/^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN) : now.getTime() + Number(days) * DAY_MS;
  if (Number.isNaN(time)) throw new UsageError(`--expires is "${text}": it must be days such as 30d, or a date such as 2027-01-31.`);
  if (time <= now.getTime()) throw new UsageError(`--expires is "${text}": it must be in the future.`);
  return new Date(time).toISOString();
}
