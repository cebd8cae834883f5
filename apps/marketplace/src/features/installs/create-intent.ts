import type { BodyOf, fleetprompt } from "@whs/api";
import { notFound } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { Context } from "../../context.ts";
import { visibleToAll } from "../access/index.ts";
import { countInstall, dayOf } from "../stats/index.ts";
import { toInstallIntent } from "./present.ts";
import { findInstallable, insertIntent } from "./store.ts";

/** How long an intent may wait for its install. */
const intentMs = 24 * 3_600_000;

/** Says that the user wants a release installed into a system; nothing is installed by that. */
export async function createIntent(
  context: Context,
  input: BodyOf<typeof fleetprompt.createIntent>,
): Promise<{ installIntent: fleetprompt.InstallIntent }> {
  const id = newId("int");
  const metadata = { listingId: input.listingId, releaseId: input.releaseId, targetSystem: input.targetSystem };
  return context.write({ action: "install.intent_created", target: id, metadata }, async (transaction) => {
    const found = await findInstallable(transaction, input.listingId, input.releaseId);
    if (found === undefined) throw notFound("Release");
    visibleToAll({ status: found.listing_status }, "Release");
    visibleToAll({ status: found.release_status }, "Release");
    const now = context.now();
    const row = await insertIntent(transaction, {
      id,
      buyer_user_id: context.user.id,
      listing_id: input.listingId,
      release_id: input.releaseId,
      target_system: input.targetSystem,
      target_context: JSON.stringify(input.targetContext ?? {}),
      expires_at: new Date(now.getTime() + intentMs),
      created_at: now,
      updated_at: now,
    });
    await countInstall(transaction, input.listingId, dayOf(now), "install_intents");
    return { installIntent: toInstallIntent(row, now) };
  });
}
