import { fleetprompt } from "@whs/api";
import { command, optional, pageOptions } from "../../command.ts";
import type { Context } from "../../context.ts";
import { UsageError } from "../../errors.ts";
import { callMarketplaceAsOperator } from "../../operator/call-marketplace-as-operator.ts";
import { pageQuery, printPage } from "../pages.ts";

const STATUSES = fleetprompt.verificationStatus.options;

export const adminPublishers = command({
  path: ["admin", "publishers"],
  group: "Operate",
  summary: "List the marketplace's publishers, or set the badge of one",
  args: {
    publisher: optional("A publisher's id, to set its badge"),
    status: optional(`The badge: one of ${STATUSES.join(", ")}`),
  },
  options: { reason: { kind: "text", value: "text", summary: "Why, for the badge" }, ...pageOptions },
  examples: [
    ["whs admin publishers", "List them"],
    ["whs admin publishers pub_… verified --reason 'domain checked'", "Set a badge, which grants nothing"],
  ],
  async run(context, { args, options }) {
    if (args.publisher === undefined) return listAll(context, options);
    const status = fleetprompt.verificationStatus.safeParse(args.status);
    if (!status.success) throw new UsageError(`The badge must be one of ${STATUSES.join(", ")}.`);
    const answer = await callMarketplaceAsOperator(context, fleetprompt.setVerification, {
      publisherId: args.publisher,
      body: { status: status.data, ...(options.reason === undefined ? {} : { reason: options.reason }) },
    });
    context.output.answer(answer, () => `${answer.publisher.displayName} is ${answer.publisher.verified.status} now.`);
  },
});

async function listAll(context: Context, options: { limit: number | undefined; cursor: string | undefined }): Promise<void> {
  const page = await callMarketplaceAsOperator(context, fleetprompt.listPublishers, pageQuery(options));
  const { style } = context.output;
  printPage(
    context,
    page,
    [
      { heading: "NAME", cell: ({ displayName }) => style.bold(displayName) },
      { heading: "BADGE", cell: ({ verified }) => verified.status },
      { heading: "APPROVED", cell: ({ approved }) => (approved ? "yes" : "no") },
      { heading: "ID", cell: ({ publisherId }) => style.dim(publisherId) },
    ],
    { text: "There are no publishers yet." },
  );
}
