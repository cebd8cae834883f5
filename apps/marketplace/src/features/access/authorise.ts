/** Who may do what: every check of a role, an owner or a visibility is here, and nowhere else. */
import type { Endpoint } from "@whs/api";
import { AppError, notFound, unauthenticated } from "@whs/platform/errors";
import type { SignedInUser } from "../../context.ts";

/** @throws AppError `UNAUTHORIZED` when the endpoint asks for a role that the user has not */
export function requireRole({ access }: Pick<Endpoint, "access">, user: SignedInUser): void {
  if (access.kind !== "user" || access.role === undefined || user.roles.has(access.role)) return;
  throw new AppError(
    "UNAUTHORIZED",
    access.role === "publisher"
      ? "This is for publishers: save a publisher profile first, and wait for approval where the installation asks for it."
      : "This is for those who look after the marketplace.",
  );
}

/** @throws AppError `UNAUTHORIZED` */
export function refuseDisabled(user: { disabled_at: Date | null }): void {
  if (user.disabled_at !== null) throw new AppError("UNAUTHORIZED", "This account is disabled. Ask the operator of this installation.");
}

/** What belongs to another publisher is not there. @throws AppError `NOT_FOUND` */
export function ownedByPublisher<Row extends { publisher_user_id: string }>(user: SignedInUser, row: Row | undefined, what: string): Row {
  if (row === undefined || row.publisher_user_id !== user.id) throw notFound(what);
  return row;
}

/** What belongs to another buyer is not there. @throws AppError `NOT_FOUND` */
export function ownedByBuyer<Row extends { buyer_user_id: string }>(user: SignedInUser, row: Row | undefined): Row {
  if (row === undefined || row.buyer_user_id !== user.id) throw notFound("Install intent");
  return row;
}

/** What is not published is not there for the public. @throws AppError `NOT_FOUND` */
export function visibleToAll<Row extends { status: string }>(row: Row | undefined, what: string): Row {
  if (row === undefined || row.status !== "published") throw notFound(what);
  return row;
}

/** Target systems speak for themselves alone. @throws AppError `NOT_FOUND`, like what does not exist */
export function ownedByTarget<Row extends { target_system: string }>(source: string, row: Row | undefined): Row {
  if (row === undefined || row.target_system !== source) throw notFound("Install intent");
  return row;
}

/** Browsers send one of these with whatever a page calls; servers have no reason to. */
const browserHeaders = ["origin", "cookie", "sec-fetch-site"];

/** Internal routes are for servers, whatever signature is sent along. @throws AppError `UNAUTHORIZED` */
export function refuseBrowsers(headers: Readonly<Record<string, string | string[] | undefined>>): void {
  if (browserHeaders.some((name) => headers[name] !== undefined))
    throw new AppError("UNAUTHORIZED", "This is for servers; no browser may call it.");
}

/** Suspending is for admins alone, and so is what ends it. @throws AppError `UNAUTHORIZED` */
export function refuseSuspension(from: string, to: string): void {
  if (to === "suspended") throw new AppError("UNAUTHORIZED", "Only an admin suspends a listing.");
  if (from === "suspended") throw new AppError("UNAUTHORIZED", "This listing is suspended; only an admin lifts that.");
}

export const signatureRefused = () => unauthenticated("The signature is not valid.");
