export { requireOperator } from "@whs/platform/identity";
export { bindOperator } from "./routes.ts";
