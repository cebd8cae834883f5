export { endSubscriptions } from "./end-subscriptions.ts";
export { bindLocalCheckout } from "./local/routes.ts";
export { openBilling } from "./open.ts";
export { bindBilling } from "./routes.ts";
export { runningStatuses } from "./state.ts";
