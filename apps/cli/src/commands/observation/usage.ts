import { getUsage } from "@whs/api";
import { command } from "../../command.ts";
import { count, duration, estimatedCost } from "../../terminal/format.ts";
import type { Style } from "../../terminal/style.ts";
import { table } from "../../terminal/table.ts";

export const usage = command({
  path: ["usage"],
  group: "Observe",
  summary: "Show what was used of the plan this month",
  args: {},
  options: { period: { kind: "text", value: "YYYY-MM", summary: "Another month" } },
  async run({ api, output }, { options }) {
    const answer = await api.call(getUsage, options.period === undefined ? {} : { period: options.period });
    const { style } = output;
    const { totals, limits, pending, byRuntime } = answer;
    const runtimes = Object.entries(byRuntime).filter(([, { requests, errors }]) => requests + errors > 0);
    output.answer(answer, () =>
      [
        `${style.bold(answer.period)}, plan ${style.bold(answer.tier)}`,
        "",
        table(
          [
            [
              "requests",
              count(totals.requests),
              count(limits.requests),
              share(totals.requests, limits.requests, style),
              count(pending.requests),
            ],
            ["tokens", count(totals.tokens), count(limits.tokens), share(totals.tokens, limits.tokens, style), count(pending.tokens)],
            [
              "compute",
              duration(totals.computeMs),
              duration(limits.computeMs),
              share(totals.computeMs, limits.computeMs, style),
              duration(pending.computeMs),
            ],
          ] as const,
          [
            { heading: "", cell: ([name]) => name },
            { heading: "USED", cell: ([, used]) => used, align: "right" },
            { heading: "LIMIT", cell: ([, , limit]) => limit, align: "right" },
            { heading: "", cell: ([, , , part]) => part, align: "right" },
            { heading: "RUNNING", cell: ([, , , , running]) => running, align: "right" },
          ],
          style,
        ),
        "",
        ...runtimes.map(
          ([name, used]) =>
            `${name}: ${count(used.requests)} requests, ${count(used.tokens)} tokens, ${estimatedCost(used.costUsdEstimated)}`,
        ),
        `Errors: ${count(totals.errors)}. Cost: ${estimatedCost(totals.costUsdEstimated)}. AgentCore: ${limits.agentcoreEnabled ? "in the plan" : "not in the plan"}.`,
      ].join("\n"),
    );
  },
});

function share(used: number, limit: number, style: Style): string {
  if (limit === 0) return "";
  const percent = (used / limit) * 100;
  const text = `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
  if (percent >= 100) return style.red(text);
  return percent >= 80 ? style.yellow(text) : text;
}
