import type { Introspection } from "@whs/api";
import { AppError, unauthenticated } from "@whs/platform/errors";
import type { HttpRequest } from "@whs/platform/http";
import { verifySource } from "@whs/platform/signatures";
import type { SystemContext } from "../../context.ts";
import type { Authenticator } from "./authenticate.ts";

/** Who may ask. */
const asker = "fleetprompt";

/** @throws AppError `UNAUTHENTICATED` unless the marketplace has signed these bytes just now. */
export function verifyMarketplace({ config, now, log, traceId }: SystemContext, request: HttpRequest, rawBody: Buffer): void {
  const keys = new Map(config.marketplace.key === undefined ? [] : [[asker, [config.marketplace.key]]]);
  const result = verifySource({ request, rawBody, keys, requireV2: true, now: now().getTime() });
  if ("source" in result) return;
  log.debug({ traceId, reason: result.reason }, "A question about a token was refused");
  throw unauthenticated("The signature is not valid.");
}

/** Only API tokens are looked up: a JWT says itself whom it stands for. */
export async function introspectToken(authenticator: Authenticator, input: { token: string }): Promise<Introspection> {
  if (!input.token.startsWith("whs_")) return { active: false };
  try {
    const { user, scopes } = await authenticator.authenticate(`Bearer ${input.token}`);
    return { active: true, user: { externalId: user.externalId, email: user.email, name: user.name }, scopes: [...scopes] };
  } catch (error) {
    if (error instanceof AppError && (error.code === "UNAUTHENTICATED" || error.code === "UNAUTHORIZED")) return { active: false };
    throw error;
  }
}
