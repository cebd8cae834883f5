import { ConfigurationError } from "@whs/platform/config";
import { HmacKeyError, parseHmacKey } from "@whs/platform/signatures";

/** The keys of each source that may delegate: the one in use, and the one that it replaces. */
export type DelegationKeys = ReadonlyMap<string, readonly Buffer[]>;

const shared = "WHS_DELEGATION_SECRET";
/** What a v2 signature can cover. */
const sourcePattern = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/**
 * A source signs with `WHS_DELEGATION_SECRET_<SOURCE>`, or, while it has no secret of its own, with `WHS_DELEGATION_SECRET`;
 * each may have a `_PREVIOUS`. A source without any key can sign nothing.
 * @throws ConfigurationError
 */
export function readDelegationKeys(sources: readonly string[], env: NodeJS.ProcessEnv): DelegationKeys {
  const known = new Set([shared, `${shared}_PREVIOUS`]);
  const keys = new Map<string, readonly Buffer[]>();
  for (const source of sources) {
    const own = `${shared}_${source.toUpperCase().replaceAll("-", "_")}`;
    if (!sourcePattern.test(source) || own.endsWith("_PREVIOUS") || known.has(own))
      throw refusal(
        "WHS_DELEGATION_SOURCES",
        `"${source}" is not a source's name: a-z, 0-9, - and _, no two alike, none ending in "previous"`,
      );
    known.add(own).add(`${own}_PREVIOUS`);
    const ownKeys = readPair(own, env);
    keys.set(source, ownKeys.length > 0 ? ownKeys : readPair(shared, env));
  }
  for (const name of Object.keys(env)) {
    if (name.startsWith(shared) && !known.has(name) && env[name] !== "")
      throw refusal(name, `belongs to no source of WHS_DELEGATION_SOURCES, which are: ${sources.join(", ")}`);
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
