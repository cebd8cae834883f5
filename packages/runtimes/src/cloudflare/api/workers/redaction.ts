/** Shorter values are words of any text. */
const SHORTEST_SECRET = 6;
const MARK = "[redacted]";
const METHODS = ["debug", "error", "info", "log", "trace", "warn"] as const;

export interface Redaction {
  text: (text: string) => string;
  /** From now on nothing that is written to the console holds one of the values. */
  guardConsole(): void;
}

/** @param values secrets, in whatever order; one that is part of another is replaced after it */
export function createRedaction(values: readonly string[]): Redaction {
  const secrets = values.filter((value) => value.length >= SHORTEST_SECRET).toSorted((a, b) => b.length - a.length);
  // As they stand in JSON, which is what an object becomes in a log.
  const forms = [...new Set(secrets.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]))];
  const text = (raw: string): string => {
    let clean = raw;
    for (const form of forms) clean = clean.replaceAll(form, MARK);
    return clean;
  };
  const guardConsole = (): void => {
    if (forms.length === 0) return;
    for (const method of METHODS) {
      const write = console[method].bind(console);
      console[method] = (...parts: unknown[]) => write(...parts.map((part) => cleanPart(part, text)));
    }
  };
  return { text, guardConsole };
}

/** Whatever holds no secret stays what it is. */
function cleanPart(part: unknown, clean: (text: string) => string): unknown {
  if (typeof part === "string") return clean(part);
  if (part instanceof Error) return clean(part.stack ?? String(part));
  if (typeof part !== "object" || part === null) return part;
  const json = asJson(part);
  if (json === undefined) return part;
  const cleaned = clean(json);
  return cleaned === json ? part : cleaned;
}

/** Undefined for what has no JSON form: the log shows nothing of its inside either. */
function asJson(part: object): string | undefined {
  try {
    return JSON.stringify(part);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
