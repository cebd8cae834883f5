import { fleetprompt } from "@whs/api";
import { command, pageOptions, rest } from "../../command.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";
import { pageQuery, printPage } from "../pages.ts";

export const listingsSearch = command({
  path: ["listings", "search"],
  group: "Marketplace",
  summary: "Find published listings",
  args: { words: rest("What to look for; without words, all of them") },
  options: {
    tag: { kind: "list", value: "tag", summary: "Only with this tag; may be given several times" },
    kind: { kind: "text", value: "kind", summary: "Only of this kind", choices: fleetprompt.assetKind.options },
    sort: {
      kind: "text",
      value: "order",
      summary: "Default: by relevance, without words the newest first",
      choices: fleetprompt.searchSort.options,
    },
    ...pageOptions,
  },
  async run(context, { args, options }) {
    const { style } = context.output;
    const q = args.words.join(" ").trim();
    const page = await openMarketplace(context).call(fleetprompt.searchListings, {
      ...pageQuery(options),
      ...(q === "" ? {} : { q }),
      ...(options.tag.length === 0 ? {} : { tags: options.tag.join(",") }),
      ...(options.kind === undefined ? {} : { assetKind: options.kind }),
      ...(options.sort === undefined ? {} : { sort: options.sort }),
    });
    printPage(
      context,
      page,
      [
        { heading: "NAME", cell: ({ name }) => style.bold(name) },
        { heading: "BY", cell: ({ publisher }) => publisher.displayName },
        { heading: "SUMMARY", cell: ({ summary }) => summary },
        { heading: "ID", cell: ({ listingId }) => style.dim(listingId) },
      ],
      { text: "Nothing was found." },
    );
  },
});
