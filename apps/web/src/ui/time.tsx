import { usePreferences } from "../preferences.ts";

type Form = "full" | "date" | "relative";

const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** A moment in the person's language and time zone; hovering shows it in full. */
export function Time({ value, form = "full" }: { value: string; form?: Form }) {
  const { locale, timeZone } = usePreferences();
  const moment = new Date(value);
  const full = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium", timeZone }).format(moment);
  const text =
    form === "full"
      ? full
      : form === "date"
        ? new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone }).format(moment)
        : relative(moment);
  // Server and browser may differ by a second, or by the version of their language data.
  return (
    <time dateTime={value} title={`${full} ${timeZone}`} suppressHydrationWarning>
      {text}
    </time>
  );
}

function relative(moment: Date): string {
  const seconds = (moment.getTime() - Date.now()) / 1000;
  const unit = UNITS.find(([, length]) => Math.abs(seconds) >= length);
  if (unit === undefined) return "just now";
  // Pages are in English, and this is a phrase of it.
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(seconds / unit[1]), unit[0]);
}
