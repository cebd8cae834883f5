export { expireSessions } from "./expire-sessions.ts";
export { createGateway, type Gateway } from "./gateway.ts";
export { invoke } from "./invoke.ts";
export { type InvocationRequest } from "./prepare.ts";
export { deleteExpiredStreams } from "./stream-store.ts";
export { openStreams } from "./streams.ts";
export { bindInvocations, toInvocationRequest } from "./routes.ts";
