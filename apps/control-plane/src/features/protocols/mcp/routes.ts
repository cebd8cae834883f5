import { sendMcpMessage } from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../../context.ts";
import { answerMessage, type McpOptions } from "./answer-message.ts";

export function bindMcp(bind: Bind<Context>, options: McpOptions): void {
  bind(sendMcpMessage, (context, { body, http }) => answerMessage(options, context, body, http));
}
