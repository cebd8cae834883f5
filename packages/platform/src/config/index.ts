import type { z } from "zod";

/** A variable of the environment that stops the start. */
export class ConfigurationError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConfigurationError";
  }
}

/**
 * Reads the environment into a typed configuration; empty variables count as absent.
 * @throws ConfigurationError naming each variable and what it should be.
 */
export function parseEnvironment<S extends z.ZodObject>(schema: S, environment: NodeJS.ProcessEnv): z.output<S> {
  const known = Object.keys(schema.shape);
  const present = Object.fromEntries(
    known.flatMap((name) => (environment[name] === undefined || environment[name] === "" ? [] : [[name, environment[name]]])),
  );
  const result = schema.safeParse(present);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? "");
    return present[name] === undefined
      ? `${name} is missing${known.includes(name) ? describe(schema, name) : ""}`
      : `${name}: ${issue.message}${describe(schema, name)}`;
  });
  throw new ConfigurationError(`Cannot start:\n  ${[...new Set(lines)].join("\n  ")}`);
}

function describe(schema: z.ZodObject, name: string): string {
  const description = (schema.shape[name] as z.ZodType | undefined)?.description;
  return description === undefined ? "" : ` (${description})`;
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
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || isLoopback(hostname) || allowHttp) return;
  throw new ConfigurationError(`Cannot start:\n  ${variable} is ${url}: beyond loopback it must be https (WHS_ALLOW_HTTP=1 overrides)`);
}
