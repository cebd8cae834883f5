import * as endpoints from "@whs/api";
import type { Bind, HttpRequest } from "@whs/platform/http";
import { type Context, systemContext, type SystemContext } from "../../context.ts";
import { createCheckout } from "./create-checkout.ts";
import { createPortalLink } from "./create-portal-link.ts";
import { listPlans } from "./list-plans.ts";
import type { Billing } from "./provider.ts";
import { receiveEvent } from "./receive-event.ts";

export function bindBilling(bindForUsers: Bind<Context>, bindForSystems: Bind<SystemContext>, billing: Billing): void {
  bindForUsers(endpoints.listPlans, (context) => listPlans(context, billing));
  bindForUsers(endpoints.createCheckout, (context, { body, http }) =>
    createCheckout(context, billing, { tier: body.tier, origin: originOf(context, http.request) }),
  );
  bindForUsers(endpoints.createPortalLink, (context, { http }) =>
    createPortalLink(context, billing, { origin: originOf(context, http.request) }),
  );
  bindForSystems(endpoints.receiveBillingEvent, (context, { rawBody, http }) =>
    receiveEvent(systemContext(context, "billing", context.traceId), billing, {
      signature: header(http.request, "x-signature"),
      eventName: header(http.request, "x-event-name"),
      rawBody,
    }),
  );
}

/** Where the caller reaches this service: as configured, else as the request was addressed. */
function originOf(context: Context, request: HttpRequest): string {
  if (context.config.publicUrl !== undefined) return context.config.publicUrl.replace(/\/+$/, "");
  const url = URL.parse(`http://${request.headers.host ?? ""}`);
  return url?.origin ?? `http://${context.config.host}:${context.config.port}`;
}

function header(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}
