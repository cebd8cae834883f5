import * as endpoints from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { getStack } from "./get-stack.ts";

export function bindRuntime(bind: Bind<Context>): void {
  bind(endpoints.getRuntimeStack, (context) => getStack(context));
}
