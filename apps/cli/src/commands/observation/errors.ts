import { listFailedInvocations } from "@whs/api";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command, pageOptions } from "../../command.ts";
import { time } from "../../terminal/format.ts";
import { printableLine } from "../../terminal/style.ts";
import { pageQuery, printPage } from "../pages.ts";

export const errors = command({
  path: ["errors"],
  group: "Observe",
  summary: "List an agent's failed invocations, newest first",
  args: { agent: agentArgument },
  options: pageOptions,
  async run(context, { args, options }) {
    const { api, output } = context;
    const { id, name } = await findAgent(api, args.agent);
    const page = await api.call(listFailedInvocations, { id, ...pageQuery(options) });
    printPage(
      context,
      page,
      [
        { heading: "TIME", cell: ({ timestamp }) => time(timestamp) },
        { heading: "CODE", cell: ({ errorCode }) => output.style.red(printableLine(errorCode)) },
        { heading: "CLASS", cell: ({ errorClass }) => printableLine(errorClass) },
        { heading: "DEPLOYMENT", cell: ({ deploymentId }) => output.style.dim(deploymentId) },
        { heading: "TRACE", cell: ({ traceId }) => printableLine(traceId) },
      ],
      { text: `${name} has no failed invocations.` },
    );
    if (page.items.length > 0) output.note(output.noteStyle.dim(`Why one failed: ${output.typed("whs trace <trace>")}`));
  },
});
