import type { RuntimeProviderName } from "@whs/api";
import type { Context } from "../../context.ts";
import type { Budgets } from "./budgets.ts";
import type { Predictions } from "./predictions.ts";
import type { Rates } from "./rates.ts";
import type { Amounts } from "./resources.ts";
import type { Slots } from "./slots.ts";

/** One invocation that may run. Exactly one of `used` and `notReached` ends it. */
export interface Admission {
  headers: Readonly<Record<string, string>>;
  used(actual: Pick<Amounts, "tokens" | "computeMs"> | undefined): void;
  notReached(): void;
}

export interface Limits {
  budgets: Budgets;
  slots: Slots;
  /** Budget first, then rate and concurrency: an exhausted budget always answers `LIMIT_EXCEEDED`. @throws AppError */
  admit(
    context: Pick<Context, "user" | "tiers">,
    invocation: { agentId: string; runtimeProvider: RuntimeProviderName; inputCharacters: number },
  ): Promise<Admission>;
}

export function createLimits(parts: { budgets: Budgets; slots: Slots; rates: Rates; predictions: Predictions }): Limits {
  const { budgets, slots, rates, predictions } = parts;
  return {
    budgets,
    slots,
    async admit({ user, tiers }, { agentId, runtimeProvider, inputCharacters }) {
      const entitlements = tiers[user.tier];
      // Each may have to ask the database; what it costs is waited for once.
      const entering = rates.enter({ userId: user.id, agentId }, entitlements);
      const [reserved, entered] = await Promise.allSettled([
        budgets.reserve(user, entitlements, predictions.predict({ agentId, runtimeProvider, inputCharacters })),
        entering,
      ]);
      if (reserved.status === "rejected") {
        if (entered.status === "fulfilled") entered.value.leave();
        throw reserved.reason;
      }
      const reservation = reserved.value;
      if (entered.status === "rejected") {
        reservation.release();
        throw entered.reason;
      }
      const slot = entered.value;
      return {
        headers: slot.headers,
        used(actual) {
          slot.leave();
          reservation.spend(actual);
          if (actual !== undefined) predictions.learn(agentId, actual);
        },
        notReached() {
          slot.leave();
          reservation.release();
        },
      };
    },
  };
}
