import * as endpoints from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { SystemContext } from "../../context.ts";
import type { CloudflareSetup } from "@whs/api";
import { getStats } from "./get-stats.ts";
import { setUserTier } from "./set-user-tier.ts";
import { setUpCloudflare } from "./set-up-cloudflare.ts";
import { disableUser, enableUser } from "./switch-user.ts";

/**
 * @param bind whose authentication lets nobody but the operator pass
 * @param setUp makes the Cloudflare account ready; undefined where there is none
 */
export function bindOperator(bind: Bind<SystemContext>, setUp: (() => Promise<CloudflareSetup>) | undefined): void {
  bind(endpoints.setUserTier, (context, { params, body }) => setUserTier(context, { ...params, ...body }));
  bind(endpoints.disableUser, (context, { params }) => disableUser(context, params));
  bind(endpoints.enableUser, (context, { params }) => enableUser(context, params));
  bind(endpoints.setUpCloudflare, (context) => setUpCloudflare(context, setUp));
  bind(endpoints.getOperatorStats, (context) => getStats(context));
}
