export { bindCatalog } from "./routes.ts";
