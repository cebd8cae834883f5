export { countLostInvocations } from "./count-lost.ts";
export { createTelemetryIngestion, type TelemetryIngestion } from "./ingest.ts";
export { bindTelemetry } from "./routes.ts";
