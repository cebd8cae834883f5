import { html } from "@whs/platform/html";
import type { Dependencies } from "../../context.ts";
import { listingPage } from "./list-servers.ts";
import { listNewest } from "./store.ts";

/** What one file may name by the protocol of sitemaps.org. */
const sitemapEntries = 50_000;
const llmsEntries = 100;

/** The newest listings' pages; where there are no pages, what the API says of each. */
export async function sitemap({ db, config }: Pick<Dependencies, "db" | "config">, origin: string): Promise<string> {
  const rows = await listNewest(db, sitemapEntries);
  const urls = rows.map(({ id, updated_at }) => {
    const address = listingPage(config, id) ?? `${origin}/v1/public/listings/${id}`;
    return html`<url><loc>${address}</loc><lastmod>${updated_at.toISOString()}</lastmod></url>`.text;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
    ...urls,
    "</urlset>",
    "",
  ].join("\n");
}

/** What a language model should know of this service, in the form of llmstxt.org. */
export async function llmsText({ db, config }: Pick<Dependencies, "db" | "config">, origin: string): Promise<string> {
  const rows = await listNewest(db, llmsEntries);
  const listings = rows.map(({ id, name, summary }) => {
    const address = listingPage(config, id) ?? `${origin}/v1/public/listings/${id}`;
    return `- [${plain(name)}](${address})${summary === "" ? "" : `: ${plain(summary)}`}`;
  });
  return [
    "# FleetPrompt",
    "",
    "> A marketplace for agents and workflows. Publishers offer immutable releases; buyers install them into WHS, Agentromatic or Agentelic.",
    "",
    "## API",
    "",
    `- [OpenAPI](${origin}/openapi.json): all endpoints`,
    `- [Search](${origin}/v1/public/listings/search?q=): published listings by words, tags, categories and kind`,
    `- [MCP servers](${origin}/v0.1/servers): listings that expose MCP, in the shape of the MCP Registry`,
    "",
    "## Listings",
    "",
    ...listings,
    "",
  ].join("\n");
}

/** People's words as one line of text that is no markup. */
function plain(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/[[\]()<>`*_\\#!|]/g, String.raw`\$&`);
}
