import type { Bind, HttpRequest, Presentation } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import type { Gateway } from "../invocations/index.ts";
import { bindA2a } from "./a2a/routes.ts";
import { type CardSigner, createCardSigner } from "./a2a/sign-card.ts";
import { agUiPresentation } from "./ag-ui/presentation.ts";
import { bindAgUi } from "./ag-ui/routes.ts";
import { createRpcPresentation } from "./json-rpc.ts";
import { bindMcp } from "./mcp/routes.ts";
import { openAiPresentation } from "./open-ai/presentation.ts";
import { bindOpenAi } from "./open-ai/routes.ts";
import { createRunningCalls, type RunningCalls } from "./running-calls.ts";

export { createCardSigner, createRunningCalls };

/** Binds endpoints for signed-in users, whose failures have a protocol's own form. */
type BindInForm = (presentation: Presentation) => Bind<Context>;

export interface ProtocolOptions {
  gateway: Gateway;
  calls: RunningCalls;
  /** Stops a call, or a stream by its id, at every gateway. */
  cancelCall: (key: string) => Promise<void>;
  /** Counts a change that is made through a protocol among the caller's. @throws AppError `RATE_LIMITED` */
  admitWrite: (context: Context, request: HttpRequest) => Promise<void>;
  publicUrl: string | undefined;
  signer: CardSigner;
}

/** Every open protocol is an adapter over the same invocations. */
export function bindProtocols(bindInForm: BindInForm, options: ProtocolOptions): void {
  const { gateway, calls, cancelCall, admitWrite, publicUrl, signer } = options;
  bindOpenAi(bindInForm(openAiPresentation), gateway);
  bindAgUi(bindInForm(agUiPresentation), gateway);
  const metadata = (path: string) => (origin: string) =>
    `${new URL(publicUrl ?? origin).origin}/.well-known/oauth-protected-resource${path}`;
  bindMcp(bindInForm(createRpcPresentation(metadata("/mcp"))), { gateway, calls, cancelCall, admitWrite });
  bindA2a(bindInForm(createRpcPresentation(metadata(""))), { gateway, cancelTask: cancelCall, signer });
}
