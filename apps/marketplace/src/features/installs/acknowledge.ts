import type { fleetprompt } from "@whs/api";
import { conflict, notFound } from "@whs/platform/errors";
import type { SystemContext } from "../../context.ts";
import { ownedByTarget } from "../access/index.ts";
import { findIntent, lockIntent, updateIntent } from "./store.ts";

/**
 * Keeps what the target system says of an install. It may be repeated, and a failed install may succeed later; an install
 * that succeeded stays one.
 */
export async function acknowledge(context: SystemContext, source: string, body: fleetprompt.AcknowledgeBody): Promise<{ ok: true }> {
  const { installIntentId, outcome, correlationId } = body;
  const known = ownedByTarget(source, await findIntent(context.db, installIntentId));
  if (known.status !== "redeemed") throw notFound("Install intent");
  if (known.outcome === outcome && known.correlation_id === correlationId) return { ok: true };
  const write = context.writeFor(known.buyer_user_id, `source:${source}`);
  return write(
    { action: "install.acknowledged", target: installIntentId, metadata: { source, outcome, correlationId } },
    async (transaction) => {
      const intent = ownedByTarget(source, await lockIntent(transaction, installIntentId));
      if (intent.outcome === "installed" && outcome === "failed") throw conflict("This install was acknowledged as installed.");
      const now = context.now();
      await updateIntent(transaction, intent.id, { outcome, correlation_id: correlationId, acknowledged_at: now, updated_at: now });
      return { ok: true };
    },
  );
}
