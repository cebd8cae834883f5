import { readSourceKeys, type SourceKeys } from "@whs/platform/signatures";

/**
 * A source signs with `WHS_DELEGATION_SECRET_<SOURCE>`, or, while it has no secret of its own, with `WHS_DELEGATION_SECRET`;
 * each may have a `_PREVIOUS`. A source without any key can sign nothing.
 * @throws ConfigurationError
 */
export function readDelegationKeys(sources: readonly string[], env: NodeJS.ProcessEnv): SourceKeys {
  return readSourceKeys({ variable: "WHS_DELEGATION_SECRET", sources, sourcesVariable: "WHS_DELEGATION_SOURCES" }, env);
}
