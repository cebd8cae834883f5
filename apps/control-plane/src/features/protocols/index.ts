import type { Bind, Presentation } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import type { Gateway } from "../invocations/index.ts";
import { agUiPresentation } from "./ag-ui/presentation.ts";
import { bindAgUi } from "./ag-ui/routes.ts";
import { openAiPresentation } from "./open-ai/presentation.ts";
import { bindOpenAi } from "./open-ai/routes.ts";

/** Binds endpoints for signed-in users, whose failures have a protocol's own form. */
type BindInForm = (presentation: Presentation) => Bind<Context>;

/** Every open protocol is an adapter over the same invocations. */
export function bindProtocols(bindInForm: BindInForm, gateway: Gateway): void {
  bindOpenAi(bindInForm(openAiPresentation), gateway);
  bindAgUi(bindInForm(agUiPresentation), gateway);
}
