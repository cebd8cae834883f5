/** Cookies by name, and values longer than one cookie holds. */

/** What browsers take at least (RFC 6265), name and attributes included. */
const LARGEST_VALUE = 3_600;
/** A session of this many cookies is larger than the headers that servers take. */
const MOST_PARTS = 4;

export interface CookieOptions {
  secure: boolean;
  /** Seconds; 0 deletes the cookie. */
  maxAge: number;
  /** Readable by scripts of the page. */
  readable?: boolean;
}

export function readCookies(header: string | null): Map<string, string> {
  const pairs = (header ?? "").split(";").map((pair) => pair.trim());
  return new Map(
    pairs.filter((pair) => pair.includes("=")).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
}

/** `__Host-` binds the cookie to https and to this very host; browsers refuse it elsewhere. */
export function cookieName(name: string, { secure }: Pick<CookieOptions, "secure">): string {
  return secure ? `__Host-${name}` : name;
}

export function setCookie(name: string, value: string, { secure, maxAge, readable = false }: CookieOptions): string {
  const attributes = ["Path=/", `Max-Age=${maxAge}`, "SameSite=Lax", ...(readable ? [] : ["HttpOnly"]), ...(secure ? ["Secure"] : [])];
  return `${cookieName(name, { secure })}=${value}; ${attributes.join("; ")}`;
}

/** The headers that set a value in as many cookies as it needs, and delete the parts of a longer one before it. */
export function setLongCookie(name: string, value: string, options: CookieOptions, before: Map<string, string>): string[] {
  const parts = value.match(new RegExp(`.{1,${LARGEST_VALUE}}`, "g")) ?? [];
  if (parts.length > MOST_PARTS) throw new Error(`Cannot keep the session: ${value.length} characters are more than cookies hold.`);
  return Array.from({ length: MOST_PARTS }, (_, index) => {
    const part = parts[index];
    if (part !== undefined) return [setCookie(partName(name, index), part, options)];
    const stale = before.has(cookieName(partName(name, index), options));
    return stale ? [setCookie(partName(name, index), "", { ...options, maxAge: 0 })] : [];
  }).flat();
}

export function readLongCookie(cookies: Map<string, string>, name: string, { secure }: Pick<CookieOptions, "secure">): string | undefined {
  const parts = Array.from({ length: MOST_PARTS }, (_, index) => cookies.get(cookieName(partName(name, index), { secure })));
  const end = parts.indexOf(undefined);
  const value = parts.slice(0, end === -1 ? MOST_PARTS : end).join("");
  return value === "" ? undefined : value;
}

function partName(name: string, index: number): string {
  return index === 0 ? name : `${name}.${index}`;
}
