import type { fleetprompt } from "@whs/api";
import { BadgeCheck } from "lucide-react";
import { Link } from "react-router";
import { paths } from "../../paths.ts";

/** Who publishes, with the badge of those whom the operator has checked. The badge grants nothing. */
export function PublisherName({ publisher }: { publisher: fleetprompt.PublicListing["publisher"] }) {
  return (
    <span className="inline-flex items-center gap-1">
      <Link to={paths.publisherPage(publisher.publisherId)} className="text-accent underline underline-offset-2">
        {publisher.displayName}
      </Link>
      {publisher.verified.status === "verified" && <VerifiedBadge />}
    </span>
  );
}

export function VerifiedBadge() {
  return (
    <span className="inline-flex items-center gap-1 text-sm text-good">
      <BadgeCheck aria-hidden className="size-4" />
      Verified
    </span>
  );
}
