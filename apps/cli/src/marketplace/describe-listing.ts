import type { fleetprompt } from "@whs/api";
import type { Style } from "../terminal/style.ts";

export function describeListing(listing: fleetprompt.PublisherListing | fleetprompt.PublicListing, style: Style): string {
  const { name, listingId, assetKind, summary, tags, categories, links } = listing;
  const rows: [string, string][] = [
    ["id", listingId],
    ["kind", assetKind],
    ["status", colorListingStatus(listing.status, style)],
    ["publisher", "publisher" in listing ? listing.publisher.displayName : ""],
    ["summary", summary],
    ["tags", tags.join(", ")],
    ["categories", categories.join(", ")],
    ["docs", links.docsUrl ?? ""],
    ["source", links.repoUrl ?? ""],
    ["moderation", "moderation" in listing ? (listing.moderation.reason ?? "") : ""],
  ];
  const shown = rows.filter(([, value]) => value !== "");
  const widest = Math.max(...shown.map(([label]) => label.length));
  return [style.bold(name), ...shown.map(([label, value]) => `${style.dim(label.padEnd(widest))}  ${value}`)].join("\n");
}

export function colorListingStatus(status: fleetprompt.ListingStatus, style: Style): string {
  if (status === "published") return style.green(status);
  return status === "suspended" ? style.red(status) : style.dim(status);
}
