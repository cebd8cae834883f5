import { readSourceKeys, type SourceKeys } from "@whs/platform/signatures";

/**
 * A source signs with `WHS_DELEGATION_SECRET_<SOURCE>`, or, while it has no secret of its own, with `WHS_DELEGATION_SECRET`;
 * each may have a `_PREVIOUS`. A source without any key can sign nothing.
 * @throws ConfigurationError
 */
export function readDelegationKeys(sources: readonly string[], env: NodeJS.ProcessEnv): SourceKeys {
  return readSourceKeys({ variable: "WHS_DELEGATION_SECRET", sources, sourcesVariable: "WHS_DELEGATION_SOURCES" }, env);
}

/**
 * What WHS signs with when it redeems an install token: `FLEETPROMPT_INTERNAL_REDEEM_SECRET_WHS`, or
 * `FLEETPROMPT_INTERNAL_REDEEM_SECRET`. The other target systems' secrets may stand beside it.
 * @throws ConfigurationError
 */
export function readRedeemKey(env: NodeJS.ProcessEnv): Buffer | undefined {
  const settings = { variable: "FLEETPROMPT_INTERNAL_REDEEM_SECRET", sources: ["whs", "agentromatic", "agentelic"] };
  return readSourceKeys({ ...settings, sourcesVariable: "the target systems" }, env).get("whs")?.[0];
}
