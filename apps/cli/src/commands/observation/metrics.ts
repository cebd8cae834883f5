import { getMetrics } from "@whs/api";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command } from "../../command.ts";
import { count, duration, time, usd } from "../../terminal/format.ts";
import { table } from "../../terminal/table.ts";

export const metrics = command({
  path: ["metrics"],
  group: "Observe",
  summary: "Show an agent's requests, tokens, compute, errors and estimated cost over time",
  args: { agent: agentArgument },
  options: {
    bucket: { kind: "text", value: "size", summary: "One line for each; default: hour", choices: ["minute", "hour", "day"] },
    from: { kind: "text", value: "time", summary: "RFC 3339; default: 24 buckets ago" },
    to: { kind: "text", value: "time", summary: "RFC 3339; default: now" },
    deployment: { kind: "text", value: "id", summary: "Of this deployment only" },
  },
  async run({ api, output }, { args, options }) {
    const { id, name } = await findAgent(api, args.agent);
    const { bucket, from, to, deployment } = options;
    const answer = await api.call(getMetrics, {
      id,
      ...(bucket === undefined ? {} : { bucket }),
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(deployment === undefined ? {} : { deploymentId: deployment }),
    });
    const busy = answer.series.filter(({ requests, errors, tokens }) => requests + errors + tokens > 0);
    output.answer(answer, () => {
      const range = `${time(answer.from)} to ${time(answer.to)}`;
      if (busy.length === 0) return `${name} had no requests from ${range}.`;
      const most = Math.max(...busy.map(({ requests }) => requests));
      return [
        `${output.style.bold(name)}, ${range}, by ${answer.bucket} (empty ones left out)`,
        "",
        table(
          busy,
          [
            { heading: "FROM", cell: ({ start }) => time(start) },
            { heading: "REQUESTS", cell: ({ requests }) => count(requests), align: "right" },
            { heading: "", cell: ({ requests }) => output.style.cyan(bar(requests, most)) },
            { heading: "ERRORS", cell: ({ errors }) => (errors > 0 ? output.style.red(count(errors)) : "0"), align: "right" },
            { heading: "TOKENS", cell: ({ tokens }) => count(tokens), align: "right" },
            { heading: "COMPUTE", cell: ({ computeMs }) => duration(computeMs), align: "right" },
            { heading: "COST (estimated)", cell: ({ costUsdEstimated }) => usd(costUsdEstimated), align: "right" },
          ],
          output.style,
        ),
      ].join("\n");
    });
  },
});

const BAR_WIDTH = 20;

function bar(value: number, most: number): string {
  return "▇".repeat(most === 0 ? 0 : Math.max(1, Math.round((value / most) * BAR_WIDTH)));
}
