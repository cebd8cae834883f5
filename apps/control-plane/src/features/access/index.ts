export { actFor, actForAgent } from "./act-for.ts";
export { createAuthenticator } from "./authenticate.ts";
export { createJwtVerifier } from "@whs/platform/identity";
export { requireScope } from "./require-scope.ts";
export { bindAccess, bindIntrospection } from "./routes.ts";
export { findDisabled } from "./store.ts";
