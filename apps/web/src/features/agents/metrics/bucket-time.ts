import type { Preferences } from "../../../preferences.ts";
import type { Bucket } from "./metrics-query.ts";

/** Writes when a bucket begins. Days are those of UTC, as the API counts them; hours and minutes are the person's. */
export function bucketTimeFormat({ locale, timeZone }: Pick<Preferences, "locale" | "timeZone">, bucket: Bucket): Intl.DateTimeFormat {
  return bucket === "day"
    ? new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" })
    : new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit", timeZone });
}
