import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { telemetryEventSchema, telemetryLimits } from "../schemas/telemetry.ts";

export const reportTelemetry = endpoint({
  name: "telemetry.report",
  method: "POST",
  path: "/v1/telemetry/report",
  summary: "Report what one invocation used; only the runtime's trusted part can sign it",
  access: {
    kind: "signature",
    headers: ["X-Telemetry-Deployment-Id", "X-Telemetry-Signature"],
    optionalHeaders: ["X-Telemetry-Timestamp"],
  },
  body: { kind: "raw", contentTypes: ["application/json"], maxBytes: telemetryLimits.reportBytes, schema: telemetryEventSchema },
  answer: { kind: "json", status: 202, schema: z.object({ accepted: z.literal(true), duplicate: z.literal(true).optional() }) },
  errors: ["UNAUTHORIZED"],
});

export const reportTelemetryBatch = endpoint({
  name: "telemetry.batch",
  method: "POST",
  path: "/v1/telemetry/batch",
  summary: "Report many events as NDJSON lines, each with its own signature; one bad line harms no other",
  access: { kind: "signature", headers: [] },
  body: { kind: "raw", contentTypes: ["application/x-ndjson"], maxBytes: telemetryLimits.batchBytes, schema: z.string() },
  answer: {
    kind: "json",
    status: 202,
    schema: z.object({
      accepted: z.int(),
      duplicates: z.int(),
      rejected: z.array(z.object({ line: z.int().describe("Counting from 1"), code: z.string() })),
    }),
  },
  errors: [],
});
