import { listAgents } from "@whs/api";
import { colorStatus } from "../../agents/describe-agent.ts";
import { command, pageOptions } from "../../command.ts";
import { time } from "../../terminal/format.ts";
import { pageQuery, printPage } from "../pages.ts";

export const agentsList = command({
  path: ["agents", "list"],
  group: "Run",
  summary: "List your agents, newest first",
  args: {},
  options: pageOptions,
  async run(context, { options }) {
    const page = await context.api.call(listAgents, pageQuery(options));
    const { style } = context.output;
    printPage(
      context,
      page,
      [
        { heading: "NAME", cell: ({ name }) => style.bold(name) },
        { heading: "STATUS", cell: ({ status }) => colorStatus(status, style) },
        { heading: "RUNTIME", cell: ({ runtimeProvider }) => runtimeProvider },
        { heading: "LAST DEPLOYED", cell: ({ lastDeployedAt }) => time(lastDeployedAt) },
        { heading: "ID", cell: ({ id }) => style.dim(id) },
      ],
      { text: "You have no agents yet. Make one:", next: "whs init my-agent" },
    );
  },
});
