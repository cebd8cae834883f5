import { fleetprompt } from "@whs/api";
import { conflict } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { Context } from "../../context.ts";
import { ownedByBuyer } from "../access/index.ts";
import { statusAt } from "./state.ts";
import { findInstallable, insertToken, lockIntent, revokeIssuedTokens, updateIntent } from "./store.ts";
import { hashToken, installTokenOf } from "./token.ts";

/** An issued token without the token itself, which is put in when the answer is sent, and stored nowhere. */
export interface IssuedToken {
  installIntentId: string;
  tokenId: string;
  expiresAtMs: number;
  targetSystem: fleetprompt.TargetSystem;
}

/** Issues a token in place of an earlier one. */
export async function issueToken(context: Context, input: { id: string; ttlMs: number | undefined }): Promise<IssuedToken> {
  const { id, ttlMs = fleetprompt.tokenTtlMs.usual } = input;
  const tokenId = newId("tok");
  return context.write({ action: "install.token_issued", target: id, metadata: { ttlMs } }, async (transaction) => {
    const intent = ownedByBuyer(context.user, await lockIntent(transaction, id));
    const now = context.now();
    const status = statusAt(intent, now);
    if (status !== "created" && status !== "token_issued") throw conflict(`This install is ${status}; begin a new one.`);
    const found = await findInstallable(transaction, intent.listing_id, intent.release_id);
    if (found?.listing_status !== "published" || found.release_status !== "published")
      throw conflict("This release is not offered any more; choose another one.");
    await revokeIssuedTokens(transaction, id);
    const expiresAt = new Date(now.getTime() + ttlMs);
    await insertToken(transaction, {
      id: tokenId,
      intentId: id,
      sha256: hashToken(installTokenOf(context.keys.installToken, tokenId)),
      expiresAt,
      at: now,
    });
    // A token is never cut short by its intent.
    const ends = intent.expires_at > expiresAt ? intent.expires_at : expiresAt;
    await updateIntent(transaction, id, { status: "token_issued", expires_at: ends, updated_at: now });
    return { installIntentId: id, tokenId, expiresAtMs: expiresAt.getTime(), targetSystem: intent.target_system };
  });
}

/** The answer with the token, for the first caller and for whoever repeats the request. */
export function withToken(issued: IssuedToken, context: Pick<Context, "keys" | "config">) {
  const { installIntentId, tokenId, expiresAtMs, targetSystem } = issued;
  const target = context.config.targets[targetSystem];
  return {
    installIntentId,
    installToken: installTokenOf(context.keys.installToken, tokenId),
    expiresAtMs,
    redeem: { mode: "server_to_server" as const, targetSystem },
    deepLink: target === undefined ? null : `${target}/install?installIntentId=${encodeURIComponent(installIntentId)}`,
  };
}
