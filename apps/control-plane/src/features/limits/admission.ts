import type { Context } from "../../context.ts";
import type { Budgets } from "./budgets.ts";
import type { Predictions } from "./predictions.ts";
import type { Rates } from "./rates.ts";
import type { Amounts } from "./resources.ts";

/** One invocation that may run. Exactly one of `used` and `notReached` ends it. */
export interface Admission {
  headers: Readonly<Record<string, string>>;
  used(actual: Pick<Amounts, "tokens" | "computeMs"> | undefined): void;
  notReached(): void;
}

export interface Limits {
  budgets: Budgets;
  /** Budget first, then rate and concurrency: an exhausted budget always answers `LIMIT_EXCEEDED`. @throws AppError */
  admit(context: Pick<Context, "user" | "tiers">, invocation: { agentId: string; inputCharacters: number }): Promise<Admission>;
}

export function createLimits(parts: { budgets: Budgets; rates: Rates; predictions: Predictions }): Limits {
  const { budgets, rates, predictions } = parts;
  return {
    budgets,
    async admit({ user, tiers }, { agentId, inputCharacters }) {
      const entitlements = tiers[user.tier];
      const reservation = await budgets.reserve(user, entitlements, predictions.predict(agentId, inputCharacters));
      let slot;
      try {
        slot = rates.enter(user.id, entitlements);
      } catch (error) {
        reservation.release();
        throw error;
      }
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
