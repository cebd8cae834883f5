import { lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { isPublicAddress } from "../addresses/index.ts";
import type { EgressPolicy } from "./policy.ts";
import { EgressRefusal } from "./refusal.ts";

export interface Destination {
  /** In lower case, without brackets. */
  host: string;
  port: number;
  /** How its name is to be resolved: only to public addresses, unless the operator opened this very place. */
  lookup: LookupFunction;
}

/**
 * Where an agent wants to go, if it may. `host` may have an IPv6 address's brackets.
 * @throws EgressRefusal
 */
export function allowedDestination(policy: EgressPolicy, agentId: string, wanted: { host: string; port: number }): Destination {
  const host = wanted.host.replace(/^\[|\]$/g, "").toLowerCase();
  const { port } = wanted;
  if (!policy.allows(agentId, host)) throw new EgressRefusal(`${host} is not on the agent's list of allowed hosts`);
  if (policy.opensPrivate(host, port)) return { host, port, lookup };
  // An address is connected to without being looked up, so it is checked here.
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw new EgressRefusal(`${host} is not a public address`);
  return { host, port, lookup: policy.lookupPublic };
}
