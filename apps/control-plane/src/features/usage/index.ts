export { bindUsage } from "./routes.ts";
