import { unauthenticated } from "@whs/platform/errors";
import type { HttpRequest } from "@whs/platform/http";
import { verifySignature } from "@whs/platform/signatures";
import { randomBytes } from "node:crypto";
import type { SystemContext } from "../../context.ts";

/** Nobody has it: checking against it takes as long for sources that do not exist as for those that do. */
const nobodysKeys = [randomBytes(32)];

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
  const source = header(request, "x-whs-delegation-source") ?? "";
  const keys = context.config.delegationKeys.get(source) ?? [];
  const result = verifySignature({
    header: header(request, "x-whs-delegation-signature"),
    keys: keys.length > 0 ? keys : nobodysKeys,
    rawBody,
    v2: { timestamp: header(request, "x-whs-delegation-timestamp"), source, method: request.method, path: request.url },
    requireV2: context.config.requireSignatureV2,
    requireTimestamp: true,
    now: context.now().getTime(),
  });
  if (result.ok) return source;
  const reason = keys.length > 0 ? result.reason : "source_unknown";
  context.log.debug({ traceId: context.traceId, reason }, "A delegation was refused");
  throw unauthenticated("The signature is not valid.");
}

function header(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}
