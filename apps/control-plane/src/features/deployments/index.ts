export { type BuildSandbox, openBuildSandbox } from "./bundling/build-bundle.ts";
export { deploy, deployJob } from "./deploy.ts";
export { failStuckDeployments } from "./end-deploy.ts";
export { toLogLine } from "./present.ts";
export { deleteSourceMaps } from "./source-maps.ts";
export { bindDeployments, bindLogIngestion } from "./routes.ts";
export { pushTelemetryKey, pushTelemetryKeyJob } from "./rotate-telemetry-key.ts";
