import { idSchema, type Message, messageSchema, messagesSchema } from "@whs/api";
import { invalidRequest } from "@whs/platform/errors";
import { parseInput } from "@whs/platform/http";
import { z } from "zod";
import type { AgentRow } from "../../agents/index.ts";
import type { AgentRequest } from "../agent-run.ts";
import { findControlTool } from "./control-tools.ts";
import { inputSchemaOf, type Tool } from "./tool.ts";

/** An agent that needs no words is called without any. */
const agentInput = z.strictObject({
  prompt: messageSchema.shape.content.optional().describe("What to say to the agent"),
  messages: messagesSchema.optional().describe("A whole conversation, in place of the prompt"),
  sessionId: idSchema.optional().describe("Goes on with the session that an earlier call began"),
});
const inputSchema = inputSchemaOf(agentInput);

/** The agent's name, except where it is a tool's already. */
export function toTool({ id, name, description }: AgentRow): Tool {
  return {
    name: findControlTool(name) === undefined ? name : id,
    title: name,
    description: description || `The agent ${name}.`,
    inputSchema,
    annotations: { readOnlyHint: false, openWorldHint: true },
  };
}

/** @throws AppError `INVALID_REQUEST` */
export function toAgentRequest(agent: string, input: unknown): AgentRequest {
  const { prompt, messages, sessionId } = parseInput(agentInput, input);
  if (prompt !== undefined && messages !== undefined)
    throw invalidRequest([{ fieldName: "messages", message: "must not be there together with prompt" }]);
  const said: readonly Message[] = messages ?? [{ role: "user", content: prompt ?? "" }];
  return { agent, messages: said, session: sessionId === undefined ? undefined : { id: sessionId } };
}
