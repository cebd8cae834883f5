import { setUpCloudflare } from "@whs/api";
import { command, required } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import { callAsOperator } from "../../operator/call-as-operator.ts";
import { printableLine } from "../../terminal/style.ts";
import { pairs } from "../../terminal/table.ts";

export const adminCloudflare = command({
  path: ["admin", "cloudflare"],
  group: "Operate",
  summary: "Make the installation's Cloudflare account ready for agents; repeat it after an upgrade",
  args: { action: required("setup") },
  options: {},
  async run(context, { args }) {
    if (args.action !== "setup") throw new UsageError(`"${args.action}" is not possible: say setup.`);
    const answer = await callAsOperator(context, setUpCloudflare, {});
    const { namespace, namespaceCreated, dispatchWorker, dispatchUrl, tailWorker, build } = answer.cloudflare;
    context.output.answer(answer, () =>
      pairs(
        [
          ["namespace", `${printableLine(namespace)} (${namespaceCreated ? "made just now" : "was there"})`],
          ["dispatch Worker", `${printableLine(dispatchWorker)} at ${printableLine(dispatchUrl)}`],
          ["tail Worker", printableLine(tailWorker)],
          ["version", printableLine(build)],
        ],
        context.output.style,
      ),
    );
  },
});
