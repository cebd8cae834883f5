export { forgetDelegations } from "./forget-delegations.ts";
export { bindDelegations } from "./routes.ts";
