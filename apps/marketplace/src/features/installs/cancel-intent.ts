import type { fleetprompt } from "@whs/api";
import { conflict } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { ownedByBuyer } from "../access/index.ts";
import { toInstallIntent } from "./present.ts";
import { mayFollow, statusAt } from "./state.ts";
import { lockIntent, revokeIssuedTokens, updateIntent } from "./store.ts";

/** Gives an install up. @throws AppError `CONFLICT` when it is over already */
export async function cancelIntent(context: Context, input: { id: string }): Promise<{ installIntent: fleetprompt.InstallIntent }> {
  return context.write({ action: "install.canceled", target: input.id }, async (transaction) => {
    const intent = ownedByBuyer(context.user, await lockIntent(transaction, input.id));
    const now = context.now();
    const status = statusAt(intent, now);
    if (!mayFollow(status, "canceled")) throw conflict(`This install is ${status} already.`);
    await revokeIssuedTokens(transaction, intent.id);
    const row = await updateIntent(transaction, intent.id, { status: "canceled", updated_at: now });
    return { installIntent: toInstallIntent(row, now) };
  });
}
