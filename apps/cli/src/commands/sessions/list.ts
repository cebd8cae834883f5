import { listSessions } from "@whs/api";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command, pageOptions } from "../../command.ts";
import { time } from "../../terminal/format.ts";
import { pageQuery, printPage } from "../pages.ts";

export const sessionsList = command({
  path: ["sessions", "list"],
  group: "Run",
  summary: "List an agent's sessions that can be continued, newest first",
  args: { agent: agentArgument },
  options: pageOptions,
  async run(context, { args, options }) {
    const { api, output } = context;
    const { id, name } = await findAgent(api, args.agent);
    const page = await api.call(listSessions, { id, ...pageQuery(options) });
    printPage(
      context,
      page,
      [
        { heading: "SESSION", cell: (session) => session.id },
        { heading: "BEGUN", cell: ({ createdAt }) => time(createdAt) },
        { heading: "LAST USED", cell: ({ lastUsedAt }) => time(lastUsedAt) },
        { heading: "ENDS", cell: ({ expiresAt }) => time(expiresAt) },
      ],
      { text: `${name} has no sessions that hold something.` },
    );
    if (page.items.length > 0) output.note(output.noteStyle.dim(`Go on with one: ${output.typed(`whs chat ${name} --session <session>`)}`));
  },
});
