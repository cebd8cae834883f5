import { listDeploymentLogs, type LogLine, logLineSchema } from "@whs/api";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command, flag } from "../../command.ts";
import type { Context } from "../../context.ts";
import { UserError } from "../../errors.ts";
import { allDeployments, findDeployment } from "../../deployments/find-deployment.ts";
import { formatLogLine } from "../../observation/log-lines.ts";

export const logs = command({
  path: ["logs"],
  group: "Observe",
  summary: "Print an agent's log, oldest line first",
  args: { agent: agentArgument },
  options: {
    follow: { ...flag("Go on with new lines as they come"), short: "f" },
    deployment: { kind: "text", value: "version|id", summary: "Of this deployment; default: the one that serves" },
    limit: { kind: "number", value: "count", summary: "How many of the newest lines (1 to 100)", min: 1, max: 100 },
    cursor: { kind: "text", value: "cursor", summary: "Older lines: where the page before ended" },
  },
  async run(context, { args, options }) {
    const { api, output } = context;
    const agent = await findAgent(api, args.agent);
    const id =
      options.deployment === undefined ? await newestDeployment(context, agent) : (await findDeployment(api, agent, options.deployment)).id;
    const limit = options.limit ?? 100;
    if (options.follow) {
      await follow(context, id, limit);
      return;
    }
    const page = await api.call(listDeploymentLogs, { id, limit, ...(options.cursor === undefined ? {} : { cursor: options.cursor }) });
    if (output.json) {
      output.jsonLine(page);
      return;
    }
    if (page.lines.length === 0) output.note("The log is empty.");
    for (const line of page.lines.toReversed()) output.line(formatLogLine(line, output.style));
    if (page.nextCursor !== null) output.note(output.noteStyle.dim(`There are older lines: add --cursor ${page.nextCursor}`));
  },
});

/** The one that serves; where none does yet, the newest, whose log says why. */
async function newestDeployment({ api }: Context, agent: { id: string; name: string; activeDeploymentId: string | null }): Promise<string> {
  if (agent.activeDeploymentId !== null) return agent.activeDeploymentId;
  for await (const { id } of allDeployments(api, agent.id)) return id;
  throw new UserError(`${agent.name} has no deployments, so it has no log.`, {
    code: "NOT_FOUND",
    next: [`whs deploy --agent ${agent.name}`],
  });
}

async function follow({ api, output }: Context, id: string, limit: number): Promise<void> {
  for await (const { event, data } of api.stream(listDeploymentLogs, { id, limit, follow: "true" })) {
    if (event !== "line") continue;
    const line: LogLine = logLineSchema.parse(data);
    if (output.json) output.jsonLine(line);
    else output.line(formatLogLine(line, output.style));
  }
}
