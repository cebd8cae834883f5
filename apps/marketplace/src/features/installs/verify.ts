import type { HttpRequest } from "@whs/platform/http";
import { verifySource } from "@whs/platform/signatures";
import type { SystemContext } from "../../context.ts";
import { signatureRefused } from "../access/index.ts";

/**
 * Checks which target system calls, by the signature over the bytes as they came, before anything is parsed.
 * @throws AppError `UNAUTHENTICATED`, the same for every reason; the log has the reason, and nothing else does
 */
export function verifyTarget(
  context: Pick<SystemContext, "config" | "now" | "log" | "requestId">,
  request: HttpRequest,
  rawBody: Buffer,
): string {
  const { keys, requireV2 } = context.config.internal;
  const result = verifySource({ request, rawBody, keys, requireV2, now: context.now().getTime() });
  if ("source" in result) return result.source;
  context.log.debug({ requestId: context.requestId, reason: result.reason }, "A signed request was refused");
  throw signatureRefused();
}
