export { bindAudit } from "./routes.ts";
