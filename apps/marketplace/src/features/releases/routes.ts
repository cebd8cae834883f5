import { fleetprompt } from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { listReleases } from "./list-releases.ts";
import { publishRelease } from "./publish-release.ts";
import { revokeRelease } from "./revoke-release.ts";

export function bindReleases(bind: Bind<Context>): void {
  bind(fleetprompt.publishRelease, (context, { params, body }) => publishRelease(context, { listingId: params.id, release: body }));
  bind(fleetprompt.listOwnReleases, (context, { params, query }) => listReleases(context, { ...params, ...query }));
  bind(fleetprompt.revokeRelease, (context, { params, body }) => revokeRelease(context, { ...params, ...body }));
}
