import { unauthenticated } from "@whs/platform/errors";
import type { HttpRequest } from "@whs/platform/http";
import { verifySource } from "@whs/platform/signatures";
import type { SystemContext } from "../../context.ts";

/**
 * Checks who delegates, by the signature over the bytes as they came, before anything is parsed.
 * @returns the source
 * @throws AppError `UNAUTHENTICATED`, the same for every reason; the log has the reason.
 */
export function verifyDelegation(
  context: Pick<SystemContext, "config" | "now" | "log" | "traceId">,
  request: HttpRequest,
  rawBody: Buffer,
): string {
  const { delegationKeys: keys, requireSignatureV2: requireV2 } = context.config;
  const result = verifySource({ request, rawBody, keys, requireV2, now: context.now().getTime() });
  if ("source" in result) return result.source;
  context.log.debug({ traceId: context.traceId, reason: result.reason }, "A delegation was refused");
  throw unauthenticated("The signature is not valid.");
}
