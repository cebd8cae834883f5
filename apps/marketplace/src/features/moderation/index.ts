export { bindModeration } from "./routes.ts";
