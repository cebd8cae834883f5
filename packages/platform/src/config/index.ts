import { z } from "zod";

export { type ReportedVersions, reportedVersionsSchema } from "./reported-versions.ts";

/** A variable of the environment that stops the start. */
export class ConfigurationError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConfigurationError";
  }
}

/** Stands for zod's own words, which speak of types where an operator asks what to write. */
const UNWORDED = "";

/**
 * Reads the environment into a typed configuration; empty variables count as absent.
 * @throws ConfigurationError naming each variable and what it should be, never its value, which may be a secret.
 */
export function parseEnvironment<S extends z.ZodObject>(schema: S, environment: NodeJS.ProcessEnv): z.output<S> {
  const present = Object.fromEntries(
    Object.keys(schema.shape).flatMap((name) => {
      const value = environment[name];
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
  const result = schema.safeParse(present, { error: explainUnworded });
  if (result.success) return result.data;
  throw cannotStart(result.error.issues.map((issue) => explain(schema, present, issue)));
}

/** For rules without words of their own: of a choice its choices, of others nothing, as the variable's description says what it should be. */
function explainUnworded(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_value") return `must be one of ${(issue.values as readonly unknown[]).join(", ")}`;
  if (issue.code === "invalid_format" && issue.format === "url") return "must be a URL";
  return issue.code === "custom" ? undefined : UNWORDED;
}

function explain(schema: z.ZodObject, present: Readonly<Record<string, string>>, { code, path, message }: z.core.$ZodIssue): string {
  const [name] = path;
  // A rule about several variables at once.
  if (typeof name !== "string") return message;
  const { description } = (schema.shape[name] as z.ZodType | undefined) ?? {};
  const meaning = description === undefined ? "" : ` (${description})`;
  if (present[name] === undefined) return `${name} is missing${meaning}`;
  if (code === "invalid_value") return `${name}: ${message}`;
  if (message !== UNWORDED) return `${name}: ${message}${meaning}`;
  return description === undefined ? `${name} has a wrong value` : `${name}: must be ${description}`;
}

function cannotStart(lines: readonly string[]): ConfigurationError {
  return new ConfigurationError(`Cannot start:\n  ${[...new Set(lines)].join("\n  ")}`);
}

/** A whole number of at most twelve digits. */
export function wholeSchema(minimum: number, maximum: number) {
  return z
    .string()
    .regex(/^\d{1,12}$/)
    .transform(Number)
    .pipe(z.number().min(minimum).max(maximum));
}

/** Words with commas between them. */
export const listSchema = z.string().transform((text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== ""),
);

/**
 * A unix socket's path has at most 107 bytes, of which what comes behind its directory takes a part.
 * @throws ConfigurationError
 */
export function requireSocketRoom(variable: string, directory: string, maxBytes: number): void {
  if (Buffer.byteLength(directory) <= maxBytes) return;
  throw cannotStart([`${variable}: ${directory} is too long for unix sockets (a directory of at most ${maxBytes} bytes)`]);
}

/** Loopback names and addresses, which need no TLS. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Beyond loopback a public URL must be https, unless the operator insists.
 * @throws ConfigurationError
 */
export function requireHttps(variable: string, url: string, allowHttp: boolean): void {
  const parsed = URL.parse(url);
  if (parsed === null || !["http:", "https:"].includes(parsed.protocol)) throw cannotStart([`${variable}: must be an https:// URL`]);
  if (parsed.protocol === "https:" || isLoopback(parsed.hostname) || allowHttp) return;
  throw cannotStart([`${variable}: must be an https:// URL beyond loopback, and ${parsed.host} is (WHS_ALLOW_HTTP=1 overrides)`]);
}
