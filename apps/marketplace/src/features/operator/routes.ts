import { fleetprompt } from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { SystemContext } from "../../context.ts";
import { changeRole, disableAccount, enableAccount, getAccount } from "./accounts.ts";
import { getStats } from "./get-stats.ts";
import { listPublishers, setVerification } from "./publishers.ts";

/** @param bind whose authentication lets nobody but the operator pass */
export function bindOperator(bind: Bind<SystemContext>): void {
  bind(fleetprompt.getAccount, (context, { params }) => getAccount(context, params));
  bind(fleetprompt.changeRole, (context, { params, body }) => changeRole(context, { ...params, ...body }));
  bind(fleetprompt.disableAccount, (context, { params }) => disableAccount(context, params));
  bind(fleetprompt.enableAccount, (context, { params }) => enableAccount(context, params));
  bind(fleetprompt.listPublishers, (context, { query }) => listPublishers(context, query));
  bind(fleetprompt.setVerification, (context, { params, body }) => setVerification(context, { ...params, ...body }));
  bind(fleetprompt.getMarketplaceStats, (context) => getStats(context));
}
