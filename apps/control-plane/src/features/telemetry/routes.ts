import * as endpoints from "@whs/api";
import { type Bind, type HttpRequest } from "@whs/platform/http";
import { unauthenticated } from "@whs/platform/errors";
import type { SystemContext } from "../../context.ts";
import { ingestBatch } from "./batch.ts";
import type { TelemetryIngestion } from "./ingest.ts";

export function bindTelemetry(bind: Bind<SystemContext>, ingestion: TelemetryIngestion): void {
  bind(endpoints.reportTelemetry, async (context, { rawBody, http }) => {
    const deploymentId = header(http.request, "x-telemetry-deployment-id");
    if (deploymentId === undefined) throw unauthenticated("The signature is not valid.");
    const { duplicate } = await ingestion.ingest(context, {
      deploymentId,
      signature: header(http.request, "x-telemetry-signature"),
      rawBody,
    });
    return { accepted: true as const, ...(duplicate ? { duplicate: true as const } : {}) };
  });
  bind(endpoints.reportTelemetryBatch, (context, { rawBody }) => ingestBatch(ingestion, context, rawBody));
}

function header(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}
