import { fleetprompt, getRuntimeStack, type ReceivedOf } from "@whs/api";
import { apiOf, marketplaceOf, type PageArgs, sessionOf } from "./api.server.ts";

/** A plan of the marketplace for the stack that runs here. */
export interface Fit extends ReceivedOf<typeof fleetprompt.getInstallPlan> {
  /** Of the WHS that runs here; null while it does not say. */
  whsVersion: string | null;
}

/** What of an agent's listing fits the WHS that runs here. Null for visitors, and where that does not tell. */
export async function loadStackFit(
  args: PageArgs,
  listing: Pick<fleetprompt.PublicListing, "listingId" | "assetKind">,
): Promise<Fit | null> {
  if (sessionOf(args) === null || listing.assetKind !== "whs_agent") return null;
  const stack = await apiOf(args).attempt(getRuntimeStack, {});
  if (!stack.ok) return null;
  const whsVersion = stack.answer.components.find(({ name }) => name === "gateway")?.version ?? null;
  const plan = await marketplaceOf(args).attempt(fleetprompt.getInstallPlan, {
    id: listing.listingId,
    targetSystem: "whs",
    ...(whsVersion === null ? {} : { whsVersion }),
  });
  return plan.ok ? { ...plan.answer, whsVersion } : null;
}
