/** Where to go after the sign-in: a page of this app and nothing else, whatever was asked for. */
export function ownPath(wanted: string | null | undefined, fallback: string): string {
  const base = "http://own.invalid";
  if (typeof wanted !== "string" || !wanted.startsWith("/") || wanted.length > 2_000 || !URL.canParse(wanted, base)) return fallback;
  const url = new URL(wanted, base);
  // Browsers read "//host" and "/\host" as another host; the parser does so, too.
  if (url.origin !== base || url.pathname.startsWith("//")) return fallback;
  return `${url.pathname}${url.search}${url.hash}`;
}
