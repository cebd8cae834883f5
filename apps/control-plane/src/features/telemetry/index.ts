export { countLostInvocations } from "./count-lost.ts";
export { createOwnEvents } from "./own-events.ts";
export { createTelemetryIngestion, type TelemetryIngestion } from "./ingest.ts";
export { bindTelemetry } from "./routes.ts";
