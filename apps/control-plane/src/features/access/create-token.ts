import { type ApiToken, type BodyOf, type createToken as endpoint, defaultScopes, type Scope } from "@whs/api";
import { AppError, invalidRequest } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import { createHmac } from "node:crypto";
import type { Context } from "../../context.ts";
import { hashToken } from "./authenticate.ts";
import { toApiToken } from "./present.ts";
import { insertToken } from "./store.ts";

/** Creates an API token that can do no more than its creator. The answer's `secret` is added by `tokenSecret`. */
export async function createToken(context: Context, input: BodyOf<typeof endpoint>): Promise<{ token: ApiToken }> {
  const scopes = input.scopes ?? defaultScopes.filter((scope) => context.scopes.has(scope));
  if (scopes.length === 0)
    throw new AppError("UNAUTHORIZED", "This token has none of the scopes that a token gets by default; name scopes.");
  requireWithinOwn(context, scopes);
  const expiresAt = endOf(context, input.expiresAt);
  if (expiresAt !== null && expiresAt <= context.now())
    throw invalidRequest([{ fieldName: "expiresAt", message: "must be in the future" }]);
  const id = newId("tok");
  return context.write({ action: "token.created", target: id, metadata: { scopes: [...scopes] } }, async (transaction) => {
    const row = await insertToken(transaction, {
      id,
      userId: context.user.id,
      name: input.name,
      tokenSha256: hashToken(tokenSecret(context.keys.token, id)),
      scopes: [...new Set(scopes)],
      expiresAt,
    });
    return { token: toApiToken(row) };
  });
}

/** @throws AppError `UNAUTHORIZED` when a token gives, or is shown again, what its caller does not have. */
export function requireWithinOwn(context: Pick<Context, "scopes">, scopes: readonly Scope[]): void {
  const beyond = scopes.filter((scope) => !context.scopes.has(scope));
  if (beyond.length > 0) throw new AppError("UNAUTHORIZED", `This token cannot give away what it does not have: ${beyond.join(", ")}.`);
}

/** A token made by a token ends with it at the latest. */
function endOf(context: Context, asked: string | undefined): Date | null {
  const own = context.credential.kind === "token" ? context.credential.expiresAt : null;
  const expiresAt = asked === undefined ? own : new Date(asked);
  if (own !== null && expiresAt !== null && expiresAt > own)
    throw new AppError("UNAUTHORIZED", `This token cannot make one that outlives it: it ends at ${own.toISOString()}.`);
  return expiresAt;
}

/** The token's text: never stored, the same whenever it is computed for this id. */
export function tokenSecret(key: Buffer, tokenId: string): string {
  return `whs_${createHmac("sha256", key).update(tokenId).digest("base64url")}`;
}
