import { AppError, invalidRequest, unauthenticated } from "@whs/platform/errors";
import type { HttpRequest } from "@whs/platform/http";
import { newId } from "@whs/platform/ids";
import { redactText } from "@whs/platform/log";
import { verifySignature } from "@whs/platform/signatures";
import { z } from "zod";
import type { SystemContext } from "../../context.ts";
import type { SourceMaps } from "./source-maps.ts";
import { findLogOwners, insertLogLines } from "./store.ts";

const lineSchema = z.object({
  deploymentId: z.string().max(64),
  agentId: z.string().max(64),
  traceId: z.string().max(128).optional(),
  at: z.iso.datetime({ offset: true }),
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
});

const maxLines = 2000;
/** Bytes of a message that are kept. */
const maxMessageBytes = 8192;
/** A line is filed under its own time as long as that is plausible. */
const maxSkewMs = 24 * 3_600_000;

/** Takes log lines of agents from a supervisor, signed over the raw bytes. */
export async function ingestLogs(
  context: SystemContext,
  request: HttpRequest,
  body: Buffer,
  sourceMaps: SourceMaps,
): Promise<{ accepted: number }> {
  const timestamp = header(request, "x-whs-delegation-timestamp");
  const source = header(request, "x-whs-delegation-source");
  const verified = verifySignature({
    header: header(request, "x-whs-delegation-signature"),
    keys: [context.keys.dataPlane],
    rawBody: body,
    v2: { timestamp, source, method: request.method, path: request.url },
    requireV2: true,
    now: context.now().getTime(),
  });
  if (!verified.ok || source !== "supervisor") throw unauthenticated("The signature is not valid.");
  const lines = parseLines(body);
  return { accepted: await storeAgentLines(context, lines, sourceMaps) };
}

export type AgentLine = z.output<typeof lineSchema>;

/** Keeps the lines of deployments that are there, redacted and cut. @returns how many. */
export async function storeAgentLines(
  context: Pick<SystemContext, "db" | "now">,
  lines: readonly AgentLine[],
  sourceMaps: SourceMaps,
): Promise<number> {
  const owners = await findLogOwners(context.db, [...new Set(lines.map((line) => line.deploymentId))]);
  const now = context.now();
  const known = lines.filter((line) => owners.get(line.deploymentId) === line.agentId);
  await insertLogLines(
    context.db,
    await Promise.all(
      known.map(async (line) => ({
        id: newId("lin"),
        deploymentId: line.deploymentId,
        agentId: line.agentId,
        traceId: line.traceId ?? null,
        at: plausible(new Date(line.at), now),
        source: "agent" as const,
        level: line.level,
        message: cut(await sourceMaps.translate(line.deploymentId, redactText(line.message).replaceAll("\0", "\ufffd"))),
      })),
    ),
  );
  return known.length;
}

function header(request: HttpRequest, name: string): string {
  const value = request.headers[name];
  return typeof value === "string" ? value : "";
}

function parseLines(body: Buffer): z.output<typeof lineSchema>[] {
  const texts = body
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
  if (texts.length > maxLines) throw invalidRequest([{ fieldName: "", message: `has more than ${maxLines} lines` }]);
  return texts.map((text, index) => {
    try {
      return lineSchema.parse(JSON.parse(text));
    } catch (cause) {
      throw new AppError("INVALID_REQUEST", `Line ${index + 1} is not a log line.`, { cause });
    }
  });
}

function plausible(at: Date, now: Date): Date {
  return Math.abs(at.getTime() - now.getTime()) > maxSkewMs ? now : at;
}

function cut(message: string): string {
  if (Buffer.byteLength(message) <= maxMessageBytes) return message;
  return new TextDecoder("utf-8").decode(Buffer.from(message).subarray(0, maxMessageBytes - 4)).replace(/\ufffd$/, "") + "…";
}
