import { runAgentForUi } from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../../context.ts";
import type { Gateway } from "../../invocations/index.ts";
import { runForUi } from "./run-for-ui.ts";

export function bindAgUi(bind: Bind<Context>, gateway: Gateway): void {
  bind(runAgentForUi, (context, { params, body, http }) => runForUi(gateway, context, { agent: params.agentId, input: body, http }));
}
