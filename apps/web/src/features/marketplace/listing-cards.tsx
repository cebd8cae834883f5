import type { fleetprompt } from "@whs/api";
import { Link } from "react-router";
import { paths } from "../../paths.ts";
import { Badge } from "../../ui/badge.tsx";
import { Amount } from "../../ui/number.tsx";
import { kindNames } from "./words.ts";

/** Listings as a grid. `level` is the heading's, below that of the part they stand in. */
export function ListingCards({ listings, level = 3 }: { listings: readonly fleetprompt.PublicListing[]; level?: 2 | 3 }) {
  return (
    <ul className="grid gap-4 sm:grid-cols-2 xl:grid-cols-3">
      {listings.map((listing) => (
        <ListingCard key={listing.listingId} listing={listing} level={level} />
      ))}
    </ul>
  );
}

function ListingCard({ listing, level }: { listing: fleetprompt.PublicListing; level: 2 | 3 }) {
  const Heading = level === 2 ? "h2" : "h3";
  return (
    <li className="relative flex min-w-0 flex-col gap-2 rounded-lg border border-line bg-surface p-4 hover:border-line-strong hover:bg-hover">
      <div className="flex items-start justify-between gap-3">
        <Heading className="font-semibold">
          <Link to={paths.listing(listing.listingId)} className="text-accent after:absolute after:inset-0 hover:underline">
            {listing.name}
          </Link>
        </Heading>
        <Badge>{kindNames[listing.assetKind]}</Badge>
      </div>
      <p className="line-clamp-3 flex-1 text-muted">{listing.summary === "" ? "No summary." : listing.summary}</p>
      <p className="flex flex-wrap gap-x-3 text-sm text-muted">
        <span>{listing.publisher.displayName}</span>
        {listing.publisher.verified.status === "verified" && <span className="text-good">Verified</span>}
        <span>
          <Amount value={listing.stats.downloads30d} /> {listing.stats.downloads30d === 1 ? "install" : "installs"} in 30 days
        </span>
      </p>
    </li>
  );
}
