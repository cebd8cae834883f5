import { ConfigurationError } from "@whs/platform/config";
import { HmacKeyError, parseHmacKey } from "./hmac-key.ts";

/** The keys of each source that may call: the one in use, and the one that it replaces. */
export type SourceKeys = ReadonlyMap<string, readonly Buffer[]>;

export interface SourceKeySettings {
  /** Variable of the secret that all sources share; `<variable>_<SOURCE>` is one's own, and each may have a `_PREVIOUS`. */
  variable: string;
  sources: readonly string[];
  /** Where the sources' names come from, for messages. */
  sourcesVariable: string;
}

/** What a v2 signature can cover. */
const sourcePattern = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/**
 * A source signs with its own secret, or, while it has none, with the shared one. A source without any key can sign nothing.
 * @throws ConfigurationError
 */
export function readSourceKeys({ variable, sources, sourcesVariable }: SourceKeySettings, env: NodeJS.ProcessEnv): SourceKeys {
  const known = new Set([variable, `${variable}_PREVIOUS`]);
  const keys = new Map<string, readonly Buffer[]>();
  for (const source of sources) {
    const own = `${variable}_${source.toUpperCase().replaceAll("-", "_")}`;
    if (!sourcePattern.test(source) || own.endsWith("_PREVIOUS") || known.has(own))
      throw refusal(sourcesVariable, `"${source}" is not a source's name: a-z, 0-9, - and _, no two alike, none ending in "previous"`);
    known.add(own).add(`${own}_PREVIOUS`);
    const ownKeys = readPair(own, env);
    keys.set(source, ownKeys.length > 0 ? ownKeys : readPair(variable, env));
  }
  for (const name of Object.keys(env)) {
    if (name.startsWith(variable) && !known.has(name) && env[name] !== "")
      throw refusal(name, `belongs to no source of ${sourcesVariable}, which are: ${sources.join(", ")}`);
  }
  return keys;
}

function readPair(name: string, env: NodeJS.ProcessEnv): Buffer[] {
  const current = readKey(name, env);
  const previous = readKey(`${name}_PREVIOUS`, env);
  if (previous !== undefined && current === undefined) throw refusal(`${name}_PREVIOUS`, `is set, but ${name} is not`);
  return [current, previous].filter((key) => key !== undefined);
}

function readKey(name: string, env: NodeJS.ProcessEnv): Buffer | undefined {
  const text = env[name];
  if (text === undefined || text === "") return undefined;
  try {
    return parseHmacKey(text);
  } catch (error) {
    if (error instanceof HmacKeyError) throw refusal(name, error.message);
    throw error;
  }
}

function refusal(variable: string, message: string): ConfigurationError {
  return new ConfigurationError(`Cannot start:\n  ${variable}: ${message}`);
}
