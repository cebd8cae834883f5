import { getOperatorStats, type OperatorStats } from "@whs/api";
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
    const { users, agents, subscriptions, usage, reconciliation } = answer;
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
          ["counters", describeDrift(reconciliation)],
        ],
        context.output.style,
      ),
    );
  },
});

function describeDrift(found: OperatorStats["reconciliation"]): string {
  if (found === null) return "not compared with the events yet";
  if (found.drifting === 0) return `as the events say, for ${count(found.accounts)} accounts at ${found.finishedAt}`;
  const { requests, tokens, computeMs } = found.drift;
  return `WRONG for ${count(found.drifting)} of ${count(found.accounts)} accounts at ${found.finishedAt}, by ${count(requests)} requests, ${count(tokens)} tokens, ${duration(computeMs)}`;
}
