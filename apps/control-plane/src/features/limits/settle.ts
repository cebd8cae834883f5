import type { TelemetryEvent } from "@whs/api";
import { tagOf } from "@whs/platform/ids";
import type { Transaction } from "kysely";
import type { Schema } from "../../database.ts";
import { type Amounts, add } from "./resources.ts";
import { type LeaseKey, settleLeases } from "./store.ts";

/** Takes what events have counted from the leases of the gateways that accepted the invocations. */
export async function settleReservations(
  transaction: Transaction<Schema>,
  events: readonly {
    eventId: string;
    day: string;
    event: Pick<TelemetryEvent, "userId" | "llmTokens" | "computeMs"> & { requests: number };
  }[],
): Promise<void> {
  const settlements = new Map<string, LeaseKey & Amounts>();
  for (const { eventId, day, event } of events) {
    const key: LeaseKey = { gatewayId: tagOf("evt", eventId) ?? "", userId: event.userId, period: day.slice(0, 7) };
    const text = `${key.userId}/${key.period}/${key.gatewayId}`;
    const amounts: Amounts = { requests: event.requests, tokens: event.llmTokens, computeMs: event.computeMs };
    const known = settlements.get(text);
    settlements.set(text, { ...key, ...(known === undefined ? amounts : add(known, amounts)) });
  }
  await settleLeases(transaction, [...settlements.values()]);
}
