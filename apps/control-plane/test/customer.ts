import type { Tier } from "@whs/api";
import type { TestControlPlane, TestUser } from "./harness.ts";
import { type LemonEvent, sendEvent } from "./lemon-event.ts";

export interface Customer extends TestUser {
  id: string;
  /** A subscription id of this customer alone. */
  subscriptionId: string;
}

let subscriptions = 1000;

/** A new person who is known to the control plane. */
export async function createCustomer(plane: TestControlPlane, name = "customer"): Promise<Customer> {
  const person = await plane.user(name);
  const { body } = await person.request<{ user: { id: string } }>("GET", "/v1/me");
  subscriptions += 1;
  return { ...person, id: body.user.id, subscriptionId: String(subscriptions) };
}

export async function tierOf(person: TestUser): Promise<Tier> {
  const { body } = await person.request<{ user: { subscriptionTier: Tier } }>("GET", "/v1/me");
  return body.user.subscriptionTier;
}

/** What was done with the account, newest first. */
export async function auditOf(person: TestUser): Promise<string[]> {
  const { body } = await person.request<{ items: { action: string }[] }>("GET", "/v1/audit?limit=100");
  return body.items.map(({ action }) => action);
}

/** Sends an event about the customer's own subscription. */
export function tell(plane: TestControlPlane, person: Customer, event: LemonEvent) {
  return sendEvent(plane, { userId: person.id, subscriptionId: person.subscriptionId, ...event });
}
