import { agentOrderSchema, agentStatusSchema, listAgents, runtimeProviderSchema } from "@whs/api";
import { colorStatus } from "../../agents/describe-agent.ts";
import { command, pageOptions } from "../../command.ts";
import { time } from "../../terminal/format.ts";
import { pageQuery, printPage } from "../pages.ts";

export const agentsList = command({
  path: ["agents", "list"],
  group: "Run",
  summary: "List your agents, newest first unless said otherwise",
  args: {},
  options: {
    search: { kind: "text", value: "text", summary: "Only agents with this text in name or description" },
    status: { kind: "text", value: "status", summary: "Only agents in this status", choices: agentStatusSchema.options },
    runtime: { kind: "text", value: "name", summary: "Only agents that run there", choices: runtimeProviderSchema.options },
    sort: { kind: "text", value: "order", summary: "In which order; - turns it round", choices: agentOrderSchema.options },
    ...pageOptions,
  },
  async run(context, { options }) {
    const filter = {
      ...(options.search === undefined ? {} : { q: options.search }),
      ...(options.status === undefined ? {} : { status: options.status }),
      ...(options.runtime === undefined ? {} : { runtimeProvider: options.runtime }),
    };
    const page = await context.api.call(listAgents, {
      ...pageQuery(options),
      ...filter,
      ...(options.sort === undefined ? {} : { sort: options.sort }),
    });
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
      Object.keys(filter).length > 0
        ? { text: "No agent matches." }
        : { text: "You have no agents yet. Make one:", next: "whs init my-agent" },
    );
  },
});
