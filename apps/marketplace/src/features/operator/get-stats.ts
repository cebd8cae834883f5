import { fleetprompt } from "@whs/api";
import type { SystemContext } from "../../context.ts";
import { countAll } from "./store.ts";

const monthMs = 30 * 86_400_000;

export async function getStats({ db, now }: Pick<SystemContext, "db" | "now">): Promise<fleetprompt.MarketplaceStats> {
  const { users, listings, releases, openReports, installs } = await countAll(db, new Date(now().getTime() - monthMs));
  const byStatus = Object.fromEntries(
    fleetprompt.listingStatus.options.map((status) => [status, listings.find((row) => row.status === status)?.total ?? 0]),
  ) as Record<fleetprompt.ListingStatus, number>;
  return {
    users,
    listings: { total: Object.values(byStatus).reduce((sum, count) => sum + count, 0), byStatus },
    releases,
    reports: { open: openReports },
    installs,
  };
}
