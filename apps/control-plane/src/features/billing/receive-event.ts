import { brokenConstraint, unauthenticated } from "@whs/platform/errors";
import { verifySignature } from "@whs/platform/signatures";
import type { SystemContext } from "../../context.ts";
import { followPaidTier } from "./follow-paid-tier.ts";
import { type BillingEvent, parseEvent } from "./event.ts";
import type { Billing } from "./provider.ts";
import { at, paidTier, supersedes } from "./state.ts";
import {
  eventsKey,
  findSubscriptionOwner,
  findUser,
  insertEvent,
  listSubscriptions,
  lockUser,
  putSubscription,
  setCustomer,
} from "./store.ts";

export interface SignedEvent {
  /** `X-Signature`: hexadecimal HMAC-SHA256 of the body. */
  signature: string | undefined;
  /** `X-Event-Name`. */
  eventName: string | undefined;
  rawBody: Buffer;
}

/** Takes a provider's webhook: checks it over its raw bytes and applies it once. */
export async function receiveEvent(context: SystemContext, billing: Billing, request: SignedEvent): Promise<{ ok: true }> {
  requireSignature(context, billing, request);
  const event = parseEvent(request.rawBody, request.eventName, billing.tierOfVariant);
  const { userId, tierChanged } = await applyOnce(context, billing, event);
  if (userId !== null && tierChanged) await context.forgetUser(userId);
  return { ok: true };
}

/** The provider's hexadecimal digits are what the module of all signatures calls a `v1`. */
function requireSignature(context: SystemContext, billing: Billing, { signature, rawBody }: SignedEvent): void {
  const header = signature !== undefined && /^[0-9a-f]{64}$/.test(signature) ? `v1=${signature}` : undefined;
  const { ok } = verifySignature({ header, keys: billing.webhookKeys, rawBody, now: context.now().getTime() });
  if (!ok) throw unauthenticated("The signature is not valid.");
}

interface Applied {
  userId: string | null;
  tierChanged: boolean;
}

async function applyOnce(context: SystemContext, billing: Billing, event: BillingEvent): Promise<Applied> {
  const provider = billing.provider.name;
  const userId = await ownerOf(context, billing, event);
  try {
    return await context.writeFor(userId)(
      {
        action: "billing.event_received",
        target: event.subscription?.providerId ?? event.id,
        metadata: { provider, event: event.name, eventId: event.id },
      },
      async (transaction) => {
        const record = { provider, id: event.id, name: event.name, userId };
        const said = event.subscription;
        if (userId === null || said === undefined) {
          await insertEvent(transaction, { ...record, outcome: "ignored" });
          return { userId, tierChanged: false };
        }
        const { tier } = await lockUser(transaction, userId);
        const before = await listSubscriptions(transaction, userId);
        const known = before.find((subscription) => subscription.provider === provider && subscription.providerId === said.providerId);
        const state = at(context.now(), said.state);
        const applies = supersedes(state, known);
        await insertEvent(transaction, { ...record, outcome: applies ? "applied" : "stale" });
        if (!applies) return { userId, tierChanged: false };
        await putSubscription(transaction, { userId, provider, providerId: said.providerId, state, now: context.now() });
        // The test mode's customers are nobody's elsewhere.
        if (said.customerId !== undefined && provider !== "local") await setCustomer(transaction, userId, said.customerId);
        const paid = { before: paidTier(before), after: paidTier([...before.filter((other) => other !== known), state]) };
        const tierChanged = await followPaidTier(transaction, context, { userId, tier, paid, subscription: said.providerId });
        return { userId, tierChanged };
      },
    );
  } catch (error) {
    if (brokenConstraint(error) === eventsKey) return { userId, tierChanged: false };
    throw error;
  }
}

/** Whose subscription it is: a known one stays with its owner, whatever an event says. */
async function ownerOf(context: SystemContext, billing: Billing, event: BillingEvent): Promise<string | null> {
  if (event.subscription === undefined) return null;
  const { providerId } = event.subscription;
  const owner = await findSubscriptionOwner(context.db, billing.provider.name, providerId);
  const named = owner ?? (event.userId === undefined ? undefined : (await findUser(context.db, event.userId))?.id);
  const fields = { event: event.name, subscription: providerId, traceId: context.traceId };
  if (named === undefined) context.log.warn(fields, "A billing event is about nobody known and is ignored");
  else if (event.userId !== undefined && event.userId !== named)
    context.log.warn(fields, "A billing event names another user than its subscription's");
  return named ?? null;
}
