import { getTrace, type traceItemSchema } from "@whs/api";
import type { z } from "zod";
import { command, required } from "../../command.ts";
import { formatLogLine } from "../../observation/log-lines.ts";
import { count, duration, estimatedCost, time } from "../../terminal/format.ts";
import { printable, printableLine, type Style } from "../../terminal/style.ts";
import { pairs } from "../../terminal/table.ts";

export const trace = command({
  path: ["trace"],
  group: "Observe",
  summary: "Show all that is known of an invocation: outcome, use, log",
  args: { trace: required("The trace id that an answer or error shows") },
  options: {},
  async run({ api, output }, { args }) {
    const answer = await api.call(getTrace, { traceId: args.trace });
    output.answer(answer, () => answer.items.map((item) => describe(item, output.style)).join("\n\n"));
  },
});

type TraceItem = z.output<typeof traceItemSchema>;

function describe({ invocation, telemetry, logs }: TraceItem, style: Style): string {
  const { errorCode, errorMessage } = invocation;
  const facts = pairs(
    [
      ["invocation", invocation.id],
      [
        "outcome",
        errorCode === null ? style.green(`${invocation.statusCode}`) : style.red(`${invocation.statusCode} ${printableLine(errorCode)}`),
      ],
      ...(errorMessage === null ? [] : [["error", printable(errorMessage)] as const]),
      ["agent", invocation.agentId],
      ["deployment", invocation.deploymentId],
      ["started", time(invocation.startedAt)],
      ["took", duration(invocation.durationMs)],
      ...(telemetry === null
        ? [["use", "not reported yet"] as const]
        : ([
            ["runtime", telemetry.runtimeProvider],
            ["tokens", `${count(telemetry.tokens)}${telemetry.tokensEstimated ? " (estimated)" : ""}`],
            ["compute", duration(telemetry.computeMs)],
            ["tool calls", count(telemetry.toolCalls)],
            ...(telemetry.platformToolCalls === 0 ? [] : [["platform's tools", platformTools(telemetry)] as const]),
            ["cost", estimatedCost(telemetry.costUsdEstimated)],
          ] as const)),
    ],
    style,
  );
  return [facts, "", ...(logs.length === 0 ? [style.dim("No log lines.")] : logs.map((line) => formatLogLine(line, style)))].join("\n");
}

function platformTools({ platformToolCalls, codeExecutionSeconds, browserSessions }: NonNullable<TraceItem["telemetry"]>): string {
  return `${count(platformToolCalls)} calls, ${codeExecutionSeconds} s of code, ${count(browserSessions)} browsers`;
}
