import { idSchema } from "@whs/api";
import { z } from "zod";
import { rpcCodes, rpcFailure } from "../json-rpc.ts";
import { a2aErrors } from "./errors.ts";

/** What both versions ask for, in one form. */
export interface SentMessage {
  text: string;
  contextId: string | undefined;
  taskId: string | undefined;
  /** Answer with a task at once, and run on without the caller. */
  detached: boolean;
}

const modes = z.array(z.string()).optional();
const common = { messageId: z.string().min(1), contextId: z.string().max(256).optional(), taskId: z.string().optional() };

const currentMessage = z.looseObject({
  message: z.looseObject({
    ...common,
    role: z.literal(["ROLE_USER", 1]),
    parts: z.array(z.looseObject({ text: z.string().optional() })).min(1),
  }),
  configuration: z
    .looseObject({
      acceptedOutputModes: modes,
      returnImmediately: z.boolean().optional(),
      taskPushNotificationConfig: z.unknown().optional(),
    })
    .optional(),
});

const formerMessage = z.looseObject({
  message: z.looseObject({
    ...common,
    role: z.literal("user"),
    parts: z.array(z.looseObject({ kind: z.string(), text: z.string().optional() })).min(1),
  }),
  configuration: z
    .looseObject({ acceptedOutputModes: modes, blocking: z.boolean().optional(), pushNotificationConfig: z.unknown().optional() })
    .optional(),
});

export function toCurrentMessage(params: unknown): SentMessage {
  const { message, configuration } = parseParams(currentMessage, params);
  if (configuration?.taskPushNotificationConfig !== undefined) throw a2aErrors.noPushNotifications();
  return toMessage(message, configuration?.acceptedOutputModes, configuration?.returnImmediately === true);
}

export function toFormerMessage(params: unknown): SentMessage {
  const { message, configuration } = parseParams(formerMessage, params);
  if (configuration?.pushNotificationConfig !== undefined) throw a2aErrors.noPushNotifications();
  return toMessage(message, configuration?.acceptedOutputModes, configuration?.blocking === false);
}

type Message = z.output<typeof currentMessage>["message"] | z.output<typeof formerMessage>["message"];

function toMessage({ parts, contextId, taskId }: Message, accepted: readonly string[] = [], detached: boolean): SentMessage {
  const texts = parts.map(({ text }) => text);
  if (texts.includes(undefined)) throw a2aErrors.textOnly();
  if (accepted.length > 0 && !accepted.some((mode) => /^(text|\*)\/(plain|\*)$/.test(mode) || mode === "text")) throw a2aErrors.textOnly();
  return { text: texts.join(""), contextId: contextId || undefined, taskId: taskId || undefined, detached };
}

const taskId = z.looseObject({ id: idSchema });

export function toTaskId(params: unknown): string {
  return parseParams(taskId, params).id;
}

function parseParams<S extends z.ZodType>(schema: S, params: unknown): z.output<S> {
  const { success, data, error } = schema.safeParse(params);
  if (success) return data;
  const [issue] = error.issues;
  throw rpcFailure({ code: rpcCodes.invalidParams, message: `params.${issue?.path.join(".")}: ${issue?.message}` }, 200);
}
