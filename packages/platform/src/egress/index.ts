/** Where agents may go: the public internet, less what an agent's own list forbids, plus what the operator opened. */
export { BoundedBody } from "./bounded-body.ts";
export { allowedDestination, type Destination } from "./destination.ts";
export { type EgressPolicy, openEgressPolicy } from "./policy.ts";
export { EgressRefusal } from "./refusal.ts";
