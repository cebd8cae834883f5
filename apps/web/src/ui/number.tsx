import { usePreferences } from "../preferences.ts";

/** A number as the person's language writes it. */
export function Amount({ value, options }: { value: number; options?: Intl.NumberFormatOptions }) {
  const { locale } = usePreferences();
  return <span suppressHydrationWarning>{new Intl.NumberFormat(locale, options).format(value)}</span>;
}
