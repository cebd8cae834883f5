import { fleetprompt } from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { listAudit, listReports } from "./list-reports.ts";
import { reportListing } from "./report-listing.ts";
import { restoreListing, suspendListing } from "./suspend-listing.ts";

export function bindModeration(bind: Bind<Context>): void {
  bind(fleetprompt.reportListing, (context, { body }) => reportListing(context, body));
  bind(fleetprompt.suspendListing, (context, { params, body }) => suspendListing(context, { ...params, ...body }));
  bind(fleetprompt.restoreListing, (context, { params, body }) => restoreListing(context, { ...params, ...body }));
  bind(fleetprompt.listReports, (context, { query }) => listReports(context, query));
  bind(fleetprompt.listAllAudit, (context, { query }) => listAudit(context, query));
}
