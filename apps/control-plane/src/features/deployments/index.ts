export { type BuildSandbox, openBuildSandbox } from "./bundling/build-bundle.ts";
export { checkBundle } from "./check-bundle.ts";
export { startDeployment } from "./create-deployment.ts";
export { deploy, deployJob } from "./deploy.ts";
export { failStuckDeployments } from "./end-deploy.ts";
export { toDeployment, toLogLine } from "./present.ts";
export { deleteSourceMaps } from "./source-maps.ts";
export { bindDeployments, bindLogIngestion } from "./routes.ts";
export { pushTelemetryKey, pushTelemetryKeyJob } from "./rotate-telemetry-key.ts";
