import { fleetprompt } from "@whs/api";
import { command, pageOptions } from "../../command.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";
import { time } from "../../terminal/format.ts";
import { printableLine } from "../../terminal/style.ts";
import { pageQuery, printPage } from "../pages.ts";

export const reportsList = command({
  path: ["reports", "list"],
  group: "Marketplace",
  summary: "List what people reported, newest first, for whoever moderates the marketplace",
  args: {},
  options: {
    status: { kind: "text", value: "status", summary: "Only those in this status", choices: ["open", "settled"] },
    ...pageOptions,
  },
  examples: [
    ["whs reports list --status open", "What waits for a decision"],
    ["whs listings suspend lst_… --reason 'copied from elsewhere'", "Decide; the listing's open reports are settled"],
  ],
  async run(context, { options }) {
    const page = await openMarketplace(context).call(fleetprompt.listReports, {
      ...pageQuery(options),
      ...(options.status === undefined ? {} : { status: options.status }),
    });
    const { style } = context.output;
    printPage(
      context,
      page,
      [
        { heading: "REPORTED", cell: ({ createdAtMs }) => time(new Date(createdAtMs).toISOString()) },
        { heading: "STATUS", cell: ({ status }) => status },
        { heading: "LISTING", cell: ({ listingId }) => listingId },
        { heading: "REASON", cell: ({ reason }) => printableLine(reason) },
        { heading: "ID", cell: ({ reportId }) => style.dim(reportId) },
      ],
      { text: "There are no such reports." },
    );
  },
});
