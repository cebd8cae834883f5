import * as endpoints from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { listAudit } from "./list-audit.ts";

export function bindAudit(bind: Bind<Context>): void {
  bind(endpoints.listAudit, (context, { query }) => listAudit(context, query));
}
