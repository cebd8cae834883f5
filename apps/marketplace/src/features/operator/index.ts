export { bindOperator } from "./routes.ts";
