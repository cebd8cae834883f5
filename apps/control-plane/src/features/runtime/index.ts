export { bindRuntime } from "./routes.ts";
