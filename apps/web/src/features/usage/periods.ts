/** A billing period is a calendar month in UTC: `2026-11`. */
const PERIOD = /^\d{4}-(0[1-9]|1[0-2])$/;
/** As long as the API keeps what a month came to. */
const KEPT_MONTHS = 13;

export function periodOf(moment: Date): string {
  return moment.toISOString().slice(0, 7);
}

/** The months that there is usage of, newest first: those that are kept, since the account is there. */
export function periodsUntil(now: Date, since: Date): string[] {
  const periods = Array.from({ length: KEPT_MONTHS }, (_, back) =>
    periodOf(new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1))),
  );
  return periods.filter((period, index) => index === 0 || period >= periodOf(since));
}

/** What the URL asks for; the current month where it asks for none. */
export function readPeriod(search: URLSearchParams, now: Date): string {
  const wanted = search.get("period") ?? "";
  return PERIOD.test(wanted) ? wanted : periodOf(now);
}

/** When the period after this one starts. */
export function endOf(period: string): Date {
  const [year = 0, month = 1] = period.split("-").map(Number);
  return new Date(Date.UTC(year, month, 1));
}
