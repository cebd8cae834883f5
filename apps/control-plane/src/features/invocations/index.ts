export { expireSessions } from "./expire-sessions.ts";
export { createGateway, type Gateway } from "./gateway.ts";
export { bindInvocations } from "./routes.ts";
