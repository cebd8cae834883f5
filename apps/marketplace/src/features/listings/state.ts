import type { fleetprompt } from "@whs/api";

type Status = fleetprompt.ListingStatus;

/** Where a publisher may take a listing. Only an admin leads into a suspension and out of it. */
export function publisherMay(from: Status, to: Status): boolean {
  return from !== "suspended" && to !== "suspended";
}

/** Where a listing goes when a suspension is lifted: back, but not to being published without a release. */
export function statusAfterSuspension(before: Status | null, hasRelease: boolean): Exclude<Status, "suspended"> {
  if (before === "published") return hasRelease ? "published" : "unlisted";
  return before === "unlisted" ? "unlisted" : "draft";
}
