import { agentStatusSchema, type OperatorStats, tierSchema } from "@whs/api";
import type { SystemContext } from "../../context.ts";
import { runningStatuses } from "../billing/index.ts";
import { readLastPass } from "../usage/index.ts";
import { countAgents, countSubscriptions, countUsers, sumUsage } from "./store.ts";

/** How many accounts and agents there are, and what all of them used in the current month. */
export async function getStats({ db, now }: Pick<SystemContext, "db" | "now">): Promise<OperatorStats> {
  const period = now().toISOString().slice(0, 7);
  const [users, agents, running, usage, lastPass] = await Promise.all([
    countUsers(db),
    countAgents(db),
    countSubscriptions(db, runningStatuses),
    sumUsage(db, period),
    readLastPass(db),
  ]);
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  return {
    users: {
      total: sum(users.map(({ total }) => total)),
      disabled: sum(users.map(({ disabled }) => disabled)),
      byTier: tally(tierSchema.options, (tier) => users.find((row) => row.tier === tier)?.total),
    },
    agents: {
      total: sum(agents.map(({ total }) => total)),
      byStatus: tally(agentStatusSchema.options, (status) => agents.find((row) => row.status === status)?.total),
    },
    subscriptions: { running },
    usage: { period, ...usage },
    reconciliation: lastPass,
  };
}

/** A count for each name, 0 where there is none. */
function tally<Name extends string>(names: readonly Name[], countOf: (name: Name) => number | undefined): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, countOf(name) ?? 0])) as Record<Name, number>;
}
