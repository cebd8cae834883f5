import * as endpoints from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { createInstall } from "./create-install.ts";
import type { Marketplace } from "./marketplace.ts";

export function bindInstalls(bind: Bind<Context>, marketplace: Marketplace): void {
  bind(endpoints.createInstall, (context, { body }) => createInstall(context, marketplace, body));
}
