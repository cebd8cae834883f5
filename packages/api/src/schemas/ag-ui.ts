import { z } from "zod";

/** The Agent-User Interaction protocol 1.0, as far as an agent that answers with text speaks it. */

const id = z.string().min(1).max(256);

const textPart = z.looseObject({ type: z.literal("text", "must be text: agents take no other content"), text: z.string() });

/** The protocol lets everything bear fields that a server need not know. */
const message = z.discriminatedUnion("role", [
  z.looseObject({
    id,
    role: z.enum(["developer", "system", "assistant", "user", "tool"]),
    content: z.union([z.string(), z.array(textPart)]).optional(),
  }),
  /** What a page shows beside the conversation. */
  z.looseObject({ id, role: z.literal("activity") }),
  /** What a model thought. */
  z.looseObject({ id, role: z.literal("reasoning") }),
]);

/** Input of a run; what an agent cannot be told, such as the state of a page, is left aside. */
export const runAgentInput = z.looseObject({
  threadId: id,
  runId: id,
  parentRunId: id.optional(),
  messages: z.array(message).min(1),
  resume: z.array(z.unknown()).max(0, "is not supported: no run is ever interrupted").optional(),
});
export type RunAgentInput = z.output<typeof runAgentInput>;

const messageId = z.string();
const usage = z.object({ totalTokens: z.int(), inputTokens: z.int(), outputTokens: z.int() });

/** Events of a run, by type: each is the `data` of a server-sent event without a name. */
export const agUiEvents = {
  RUN_STARTED: z.object({
    type: z.literal("RUN_STARTED"),
    protocolVersion: z.literal("1.0"),
    threadId: id,
    runId: id,
    parentRunId: id.optional(),
  }),
  TEXT_MESSAGE_START: z.object({ type: z.literal("TEXT_MESSAGE_START"), messageId, role: z.literal("assistant") }),
  TEXT_MESSAGE_CONTENT: z.object({ type: z.literal("TEXT_MESSAGE_CONTENT"), messageId, delta: z.string() }),
  TEXT_MESSAGE_END: z.object({ type: z.literal("TEXT_MESSAGE_END"), messageId }),
  RUN_FINISHED: z.object({ type: z.literal("RUN_FINISHED"), threadId: id, runId: id, usage: z.array(usage) }),
  RUN_ERROR: z.object({ type: z.literal("RUN_ERROR"), message: z.string(), code: z.string() }),
} as const;
export type AgUiEvent = { [Type in keyof typeof agUiEvents]: z.output<(typeof agUiEvents)[Type]> }[keyof typeof agUiEvents];
