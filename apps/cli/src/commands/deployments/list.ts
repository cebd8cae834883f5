import { listDeployments } from "@whs/api";
import { colorStatus } from "../../agents/describe-agent.ts";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command, pageOptions } from "../../command.ts";
import { time } from "../../terminal/format.ts";
import { printableLine } from "../../terminal/style.ts";
import { pageQuery, printPage } from "../pages.ts";

export const deploymentsList = command({
  path: ["deployments", "list"],
  group: "Build and deploy",
  summary: "List an agent's deployments, newest first",
  args: { agent: agentArgument },
  options: pageOptions,
  async run(context, { args, options }) {
    const { api, output } = context;
    const agent = await findAgent(api, args.agent);
    const page = await api.call(listDeployments, { id: agent.id, ...pageQuery(options) });
    const { style } = output;
    printPage(
      context,
      page,
      [
        { heading: "VERSION", cell: ({ version }) => `v${version}` },
        { heading: "STATUS", cell: ({ status }) => colorStatus(status, style) },
        { heading: "SERVING", cell: ({ id }) => (id === agent.activeDeploymentId ? style.green("yes") : "") },
        { heading: "CREATED", cell: ({ createdAt }) => time(createdAt) },
        { heading: "COMMIT", cell: ({ commitHash }) => commitHash?.slice(0, 10) ?? "–" },
        { heading: "ID", cell: ({ id }) => style.dim(id) },
        { heading: "ERROR", cell: ({ errorMessage }) => style.red(printableLine(errorMessage ?? "").slice(0, 80)) },
      ],
      { text: `${agent.name} has no deployments yet:`, next: `whs deploy --agent ${agent.name}` },
    );
  },
});
