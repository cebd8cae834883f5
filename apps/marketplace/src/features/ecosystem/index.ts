export { bindEcosystem } from "./routes.ts";
