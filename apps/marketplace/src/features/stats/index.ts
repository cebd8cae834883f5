export { refreshStats } from "./refresh.ts";
export { bindStats } from "./routes.ts";
export { countInstall } from "./store.ts";
export { createViewCounter, dayOf, type ViewCounter } from "./views.ts";
