import { type ApiToken, type BodyOf, type createToken as endpoint, defaultScopes } from "@whs/api";
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
  const beyond = scopes.filter((scope) => !context.scopes.has(scope));
  if (scopes.length === 0)
    throw new AppError("UNAUTHORIZED", "This token has none of the scopes that a token gets by default; name scopes.");
  if (beyond.length > 0) throw new AppError("UNAUTHORIZED", `This token cannot give away what it does not have: ${beyond.join(", ")}.`);
  const expiresAt = input.expiresAt === undefined ? null : new Date(input.expiresAt);
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

/** The token's text: never stored, the same whenever it is computed for this id. */
export function tokenSecret(key: Buffer, tokenId: string): string {
  return `whs_${createHmac("sha256", key).update(tokenId).digest("base64url")}`;
}
