import { fleetprompt } from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { getStats } from "./get-stats.ts";

export function bindStats(bind: Bind<Context>): void {
  bind(fleetprompt.getListingStats, (context, { params, query }) => getStats(context, { ...params, ...query }));
}
