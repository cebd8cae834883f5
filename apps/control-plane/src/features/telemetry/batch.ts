import { telemetryBatchLineSchema, telemetryLimits } from "@whs/api";
import { toAppError } from "@whs/platform/http";
import { invalidRequest } from "@whs/platform/errors";
import type { SystemContext } from "../../context.ts";
import type { TelemetryIngestion } from "./ingest.ts";

export interface BatchAnswer {
  accepted: number;
  duplicates: number;
  /** Lines count from 1. A code that is retryable by its nature (UNAVAILABLE, INTERNAL) may be sent again. */
  rejected: { line: number; code: string }[];
}

/** Each line bears its own signature; one bad line harms no other. */
export async function ingestBatch(ingestion: TelemetryIngestion, context: SystemContext, body: Buffer): Promise<BatchAnswer> {
  const lines = body.toString("utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  if (lines.length > telemetryLimits.batchLines)
    throw invalidRequest([
      { fieldName: "", message: `has ${lines.length} lines; at most ${telemetryLimits.batchLines} are taken at once` },
    ]);
  const outcomes = await Promise.all(lines.map((line) => ingestLine(ingestion, context, line)));
  const answer: BatchAnswer = { accepted: 0, duplicates: 0, rejected: [] };
  outcomes.forEach((outcome, index) => {
    if (outcome === "accepted") answer.accepted += 1;
    else if (outcome === "duplicate") answer.duplicates += 1;
    else answer.rejected.push({ line: index + 1, code: outcome.code });
  });
  return answer;
}

async function ingestLine(
  ingestion: TelemetryIngestion,
  context: SystemContext,
  text: string,
): Promise<"accepted" | "duplicate" | { code: string }> {
  let line: { deploymentId: string; signature: string; event: string };
  try {
    line = telemetryBatchLineSchema.parse(JSON.parse(text));
  } catch {
    context.metrics.telemetryRejected("INVALID_REQUEST");
    return { code: "INVALID_REQUEST" };
  }
  try {
    const { duplicate } = await ingestion.ingest(context, {
      deploymentId: line.deploymentId,
      signature: line.signature,
      rawBody: Buffer.from(line.event),
    });
    return duplicate ? "duplicate" : "accepted";
  } catch (error) {
    const appError = toAppError(error);
    if (appError.status >= 500) context.log.error({ err: error, traceId: context.traceId }, "A telemetry event could not be written");
    return { code: appError.code };
  }
}
