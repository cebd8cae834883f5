import { listTokens } from "@whs/api";
import { command, pageOptions } from "../../command.ts";
import { time } from "../../terminal/format.ts";
import { printableLine } from "../../terminal/style.ts";
import { pageQuery, printPage } from "../pages.ts";

export const tokensList = command({
  path: ["tokens", "list"],
  group: "Account",
  summary: "List your API tokens",
  args: {},
  options: pageOptions,
  async run(context, { options }) {
    const page = await context.api.call(listTokens, pageQuery(options));
    const { style } = context.output;
    printPage(
      context,
      page,
      [
        { heading: "NAME", cell: ({ name }) => style.bold(printableLine(name)) },
        { heading: "CREATED", cell: ({ createdAt }) => time(createdAt) },
        { heading: "LAST USED", cell: ({ lastUsedAt }) => (lastUsedAt === null ? "never" : time(lastUsedAt)) },
        { heading: "EXPIRES", cell: ({ expiresAt }) => (expiresAt === null ? "never" : time(expiresAt)) },
        { heading: "SCOPES", cell: ({ scopes }) => `${scopes.length}` },
        { heading: "ID", cell: ({ id }) => style.dim(id) },
      ],
      { text: "You have no API tokens.", next: "whs tokens create ci" },
    );
  },
});
