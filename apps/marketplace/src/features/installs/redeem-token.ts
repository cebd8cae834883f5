import type { fleetprompt } from "@whs/api";
import { AppError } from "@whs/platform/errors";
import { hashKey, type Complete, type RunOnce } from "@whs/platform/idempotency";
import { createHash } from "node:crypto";
import type { SystemContext } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { countInstall, dayOf } from "../stats/index.ts";
import { toRedemption } from "./present.ts";
import { statusAt } from "./state.ts";
import { findHandOff, findTokenOwner, type HandOff, lockIntent, spendToken, updateIntent } from "./store.ts";
import { hashToken } from "./token.ts";

export interface RedeemRequest {
  /** Who redeems; its signature was right. */
  source: string;
  body: fleetprompt.RedeemBody;
  rawBody: Buffer;
  idempotencyKey: string | undefined;
  method: string;
  path: string;
}

/** The same for whatever is wrong with a token. It is not kept under the key, so that what is mended can be tried again. */
const noSuchToken = () => new AppError("NOT_FOUND", "Install token not found.", { retryable: true });

/** Takes the place of a token's intent where there is no such token, so that as much is asked of the database. */
const nobodysIntent = "int_";

/**
 * Turns a token into what is to be installed, once, whoever else tries at the same time.
 * @throws AppError `NOT_FOUND`
 */
export async function redeemToken(
  context: SystemContext,
  runOnce: RunOnce<Schema>,
  request: RedeemRequest,
): Promise<{ answer: fleetprompt.Redemption; replayed: boolean }> {
  const { source, rawBody, idempotencyKey, method, path } = request;
  if (idempotencyKey === undefined) return { answer: await spend(context, request, undefined), replayed: false };
  const requestHash = createHash("sha256").update(rawBody).digest("hex");
  const claimed = {
    // Another body is another request: what it finds depends on its token alone.
    id: { scope: `source:${source}`, method, path, key_sha256: hashKey(`${idempotencyKey} ${requestHash}`) },
    requestHash,
    successStatus: 200,
  };
  const { body, replayed } = await runOnce(claimed, async (complete) => ({ status: 200, body: await spend(context, request, complete) }));
  return { answer: body as fleetprompt.Redemption, replayed };
}

async function spend(
  context: SystemContext,
  { source, body }: RedeemRequest,
  complete: Complete<Schema> | undefined,
): Promise<fleetprompt.Redemption> {
  const sha256 = hashToken(body.installToken);
  const owner = await findTokenOwner(context.db, sha256);
  const intentId = owner?.intent_id ?? nobodysIntent;
  const write = context.writeFor(owner?.buyer_user_id ?? null, `source:${source}`, complete);
  return write({ action: "install.redeemed", target: intentId, metadata: { source } }, async (transaction) => {
    const intent = await lockIntent(transaction, intentId);
    const found = await findHandOff(transaction, sha256);
    const now = context.now();
    if (intent === undefined || found === undefined || statusAt(intent, now) !== "token_issued" || !isGood(found, source, body, now))
      throw noSuchToken();
    await spendToken(transaction, found.token_id, now);
    const redeemed = await updateIntent(transaction, intent.id, { status: "redeemed", updated_at: now });
    await countInstall(transaction, intent.listing_id, dayOf(now), "redemptions");
    return toRedemption(redeemed, found);
  });
}

function isGood(found: HandOff, source: string, body: fleetprompt.RedeemBody, now: Date): boolean {
  return (
    found.token_status === "issued" &&
    found.token_expires_at > now &&
    found.target_system === source &&
    body.targetSystem === source &&
    found.release_status === "published" &&
    found.listing_status === "published" &&
    found.buyer_disabled_at === null &&
    (body.expectedBuyerExternalUserId === undefined || body.expectedBuyerExternalUserId === found.buyer_external_id)
  );
}
