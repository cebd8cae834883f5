import { z } from "zod";
import { idSchema, traceIdSchema } from "./base.ts";

/** Bounds of invoke/v1. */
export const invokeLimits = { bodyBytes: 1024 * 1024, messages: 256, messageBytes: 256 * 1024, outputBytes: 8 * 1024 * 1024 } as const;

const contentSchema = z
  .string()
  .refine(
    (text) =>
      text.length <= invokeLimits.messageBytes &&
      (text.length * 3 <= invokeLimits.messageBytes || new TextEncoder().encode(text).length <= invokeLimits.messageBytes),
    "must be at most 262144 bytes",
  );

export const messageSchema = z.strictObject({ role: z.enum(["system", "user", "assistant", "tool"]), content: contentSchema });
export type Message = z.output<typeof messageSchema>;

export const messagesSchema = z.array(messageSchema).min(1).max(invokeLimits.messages);

const toolNamesSchema = z.array(z.string().min(1).max(128)).max(128);

export const invokeRequestSchema = z.strictObject({
  input: z
    .strictObject({
      messages: messagesSchema.optional(),
      prompt: contentSchema.min(1).optional(),
    })
    .refine(
      (input) => (input.messages === undefined) !== (input.prompt === undefined),
      "must have either messages or prompt, and not both",
    ),
  sessionId: idSchema.optional(),
  options: z
    .strictObject({
      maxSteps: z.int().min(1).max(1000).optional(),
      temperature: z.number().min(0).max(2).optional(),
      toolPolicy: z.strictObject({ allow: toolNamesSchema.optional(), deny: toolNamesSchema.optional() }).optional(),
      detach: z.boolean().optional(),
    })
    .optional(),
  metadata: z
    .strictObject({
      traceId: traceIdSchema.optional(),
      client: z.strictObject({ name: z.string().max(100), version: z.string().max(100) }).optional(),
    })
    .optional(),
});
export type InvokeRequest = z.output<typeof invokeRequestSchema>;

/** A call of one agent by another, which is named by name or id. The trace is the caller's. */
export const agentCallBody = z.strictObject({
  agent: z.string().min(1).max(128),
  request: invokeRequestSchema.omit({ metadata: true }),
});
export type AgentCall = z.output<typeof agentCallBody>;

export const usageSchema = z.object({
  tokens: z.number(),
  tokensEstimated: z.boolean(),
  computeMs: z.number(),
  toolCalls: z.number(),
});

export const invokeResponseSchema = z.object({
  output: z.object({ text: z.string(), messages: z.array(messageSchema).optional() }),
  sessionId: idSchema.optional(),
  usage: usageSchema,
});
export type InvokeResponse = z.output<typeof invokeResponseSchema> & { traceId: string };

/** Server-sent events of a stream, by event name. Each bears `id: <n>` counting from 1. */
export const invokeEvents = {
  meta: z.object({ traceId: z.string(), sessionId: idSchema.nullable(), deploymentId: idSchema, streamId: idSchema }),
  delta: z.object({ text: z.string() }),
  usage: usageSchema,
  done: z.object({}),
  error: z.object({
    error: z.object({ code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()), retryable: z.boolean() }),
    traceId: z.string(),
  }),
} as const;
