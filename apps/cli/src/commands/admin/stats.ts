import { getOperatorStats } from "@whs/api";
import { command } from "../../command.ts";
import { callAsOperator } from "../../operator/call-as-operator.ts";
import { count, duration, estimatedCost } from "../../terminal/format.ts";
import { pairs } from "../../terminal/table.ts";

export const adminStats = command({
  path: ["admin", "stats"],
  group: "Operate",
  summary: "Count accounts, agents and what all of them used this month",
  args: {},
  options: {},
  async run(context) {
    const answer = await callAsOperator(context, getOperatorStats, {});
    const { users, agents, subscriptions, usage } = answer;
    const listed = (counts: Record<string, number>): string =>
      Object.entries(counts)
        .map(([name, number]) => `${count(number)} ${name}`)
        .join(", ");
    context.output.answer(answer, () =>
      pairs(
        [
          ["users", `${count(users.total)} (${listed(users.byTier)}; ${count(users.disabled)} disabled)`],
          ["agents", `${count(agents.total)} (${listed(agents.byStatus)})`],
          ["subscriptions", `${count(subscriptions.running)} running`],
          [
            usage.period,
            `${count(usage.requests)} requests, ${count(usage.tokens)} tokens, ${duration(usage.computeMs)}, ${count(usage.errors)} errors, ${estimatedCost(usage.costUsdEstimated)}`,
          ],
        ],
        context.output.style,
      ),
    );
  },
});
