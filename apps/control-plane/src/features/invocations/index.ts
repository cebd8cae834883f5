export { expireSessions } from "./expire-sessions.ts";
export { createGateway } from "./gateway.ts";
export { deleteExpiredStreams } from "./stream-store.ts";
export { openStreams } from "./streams.ts";
export { bindInvocations } from "./routes.ts";
