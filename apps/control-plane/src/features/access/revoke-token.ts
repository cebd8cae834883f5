import { notFound } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { revokeToken as markRevoked } from "./store.ts";

/** Revokes a token; it is refused from the next request on, on every node. */
export async function revokeToken(context: Context, input: { id: string }): Promise<void> {
  await context.write({ action: "token.revoked", target: input.id }, async (transaction) => {
    const row = await markRevoked(transaction, context.user.id, input.id, context.now());
    if (row === undefined) throw notFound("Token");
  });
  await context.forgetUser(context.user.id);
}
