export { requireOperator } from "./authenticate-operator.ts";
export { bindOperator } from "./routes.ts";
