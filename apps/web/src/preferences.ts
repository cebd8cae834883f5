/** How a person sees the pages: theme, language of numbers, time zone. Known to the server, so that nothing flickers. */
import { createContext, useContext } from "react";

export type Theme = "system" | "light" | "dark";

export interface Preferences {
  theme: Theme;
  /** BCP 47. */
  locale: string;
  /** IANA. */
  timeZone: string;
}

export const THEME_COOKIE = "whs_theme";
export const TIME_ZONE_COOKIE = "whs_time_zone";
export const DEFAULT_PREFERENCES: Preferences = { theme: "system", locale: "en", timeZone: "UTC" };

export const PreferencesContext = createContext<Preferences>(DEFAULT_PREFERENCES);

export function usePreferences(): Preferences {
  return useContext(PreferencesContext);
}

/** @param cookies by name @param acceptLanguage the header, most wanted first */
export function readPreferences(cookies: ReadonlyMap<string, string>, acceptLanguage: string | null): Preferences {
  const theme = cookies.get(THEME_COOKIE);
  const timeZone = decode(cookies.get(TIME_ZONE_COOKIE));
  return {
    theme: theme === "light" || theme === "dark" ? theme : "system",
    locale: localeOf(acceptLanguage),
    timeZone: timeZone !== undefined && isTimeZone(timeZone) ? timeZone : DEFAULT_PREFERENCES.timeZone,
  };
}

/** Pages are in English; from the language comes how numbers and dates are written. */
function localeOf(acceptLanguage: string | null): string {
  const wanted = acceptLanguage?.split(",")[0]?.split(";")[0]?.trim();
  if (wanted === undefined || !/^[A-Za-z0-9-]{2,35}$/.test(wanted)) return DEFAULT_PREFERENCES.locale;
  try {
    return Intl.NumberFormat.supportedLocalesOf(wanted)[0] ?? DEFAULT_PREFERENCES.locale;
  } catch {
    return DEFAULT_PREFERENCES.locale;
  }
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function decode(value: string | undefined): string | undefined {
  try {
    return value === undefined ? undefined : decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
