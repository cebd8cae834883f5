import { fleetprompt, type ReceivedOf } from "@whs/api";
import { marketplaceOf, type PageArgs } from "../../api.server.ts";
import { loadStackFit } from "../../stack-fit.server.ts";

export interface Offer {
  /** Null when it is not offered any more. */
  listing: fleetprompt.PublicListing | null;
  /** Of the release that was asked for; null when it is not offered any more, or none was asked for. */
  version: string | null;
  plan: ReceivedOf<typeof fleetprompt.getInstallPlan> | null;
  whsVersion: string | null;
}

/** What is to be installed. Without a release the listing must be there: who begins an install has just seen it. */
export async function loadOffer(args: PageArgs, listingId: string, releaseId?: string): Promise<Offer> {
  const api = marketplaceOf(args);
  if (releaseId === undefined) {
    const { listing } = (await api.call(fleetprompt.getPublicListing, { listingId })).listingDetail;
    const fit = await loadStackFit(args, listing);
    return { listing, version: null, plan: fit, whsVersion: fit?.whsVersion ?? null };
  }
  const [listing, release] = await Promise.all([
    api.attempt(fleetprompt.getPublicListing, { listingId }),
    api.attempt(fleetprompt.getPublicRelease, { releaseId }),
  ]);
  return {
    listing: listing.ok ? listing.answer.listingDetail.listing : null,
    version: release.ok ? release.answer.release.version : null,
    plan: null,
    whsVersion: null,
  };
}
