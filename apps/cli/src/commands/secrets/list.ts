import { listSecrets } from "@whs/api";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command } from "../../command.ts";
import { time } from "../../terminal/format.ts";
import { table } from "../../terminal/table.ts";

export const secretsList = command({
  path: ["secrets", "list"],
  group: "Build and deploy",
  summary: "List which secrets are set; values are never shown",
  args: { agent: agentArgument },
  options: {},
  async run({ api, output }, { args }) {
    const { id, name } = await findAgent(api, args.agent);
    const answer = await api.call(listSecrets, { id });
    const { style } = output;
    output.answer(answer, () =>
      answer.items.length === 0
        ? `${name} declares no secrets.`
        : table(
            answer.items,
            [
              { heading: "KEY", cell: ({ key }) => style.bold(key) },
              { heading: "SET", cell: ({ isSet }) => (isSet ? style.green("yes") : style.yellow("no")) },
              { heading: "SINCE", cell: ({ updatedAt }) => time(updatedAt) },
            ],
            style,
          ),
    );
  },
});
