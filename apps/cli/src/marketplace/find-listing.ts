import { ApiError, fleetprompt } from "@whs/api";
import type { Api } from "../api.ts";
import { UserError } from "../errors.ts";

type Own = fleetprompt.PublisherListing;
type Public = fleetprompt.PublicListing;

/** One of the publisher's own, by id or name. @throws UserError when there is none such */
export async function findOwnListing(marketplace: Api, nameOrId: string): Promise<Own> {
  const found = await lookUpOwnListing(marketplace, nameOrId);
  if (found !== undefined) return found;
  throw new UserError(`You have no listing "${nameOrId}".`, { code: "NOT_FOUND", next: ["whs listings list"] });
}

export async function lookUpOwnListing(marketplace: Api, nameOrId: string): Promise<Own | undefined> {
  if (nameOrId.startsWith("lst_")) return (await unlessMissing(marketplace.call(fleetprompt.getOwnListing, { id: nameOrId })))?.listing;
  let cursor: string | null = null;
  do {
    const page: { items: Own[]; nextCursor: string | null } = await marketplace.call(fleetprompt.listOwnListings, {
      limit: 200,
      ...(cursor === null ? {} : { cursor }),
    });
    const named = page.items.find(({ name }) => name === nameOrId);
    if (named !== undefined) return named;
    cursor = page.nextCursor;
  } while (cursor !== null);
  return undefined;
}

/** The same for people who may have none, because they do not publish. */
export async function lookUpPossiblyOwnListing(marketplace: Api, nameOrId: string): Promise<Own | undefined> {
  try {
    return await lookUpOwnListing(marketplace, nameOrId);
  } catch (error) {
    if (error instanceof ApiError && error.code === "UNAUTHORIZED") return undefined;
    throw error;
  }
}

/** A published one, by id or by a name that only one listing has. @throws UserError */
export async function findPublishedListing(marketplace: Api, nameOrId: string): Promise<Public> {
  if (nameOrId.startsWith("lst_")) {
    const found = await unlessMissing(marketplace.call(fleetprompt.getPublicListing, { listingId: nameOrId }));
    if (found !== undefined) return found.listingDetail.listing;
  } else {
    const { items } = await marketplace.call(fleetprompt.searchListings, { q: nameOrId, limit: 50 });
    const named = items.filter(({ name }) => name.toLowerCase() === nameOrId.toLowerCase());
    const [only] = named;
    if (only !== undefined && named.length === 1) return only;
    const choices = (named.length === 0 ? items.slice(0, 5) : named).map(describeChoice);
    if (choices.length > 0) {
      const problem =
        named.length === 0 ? `There is no listing named "${nameOrId}", but these:` : `Several listings are named "${nameOrId}":`;
      throw new UserError(problem, { code: "NOT_FOUND", details: choices, next: ["whs install <id>"] });
    }
  }
  throw new UserError(`There is no published listing "${nameOrId}".`, { code: "NOT_FOUND", next: ["whs listings search <words>"] });
}

function describeChoice({ listingId, name, publisher }: Public): string {
  return `${listingId}  ${name}  by ${publisher.displayName}`;
}

async function unlessMissing<Found>(found: Promise<Found>): Promise<Found | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof ApiError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}
