import type { JsonRpcId, JsonRpcRequest, JsonRpcResponse, sendA2aRequest } from "@whs/api";
import { type HandlerInput, type streamed, toAppError } from "@whs/platform/http";
import { randomUUID } from "node:crypto";
import type { Context } from "../../../context.ts";
import { findAgent, type Gateway } from "../../invocations/index.ts";
import { type AgentRequest, openRun, startKeptRun } from "../agent-run.ts";
import { answerWithEvents } from "../event-answer.ts";
import { failureAnswer, rpcCodes, rpcFailure, withId } from "../json-rpc.ts";
import { requireOwnOrigin } from "../own-origin.ts";
import { current, type Dialect, former } from "./dialect.ts";
import { a2aErrors } from "./errors.ts";
import { type SentMessage, toCurrentMessage, toFormerMessage, toTaskId } from "./requests.ts";
import { apply, eventsOf, newTask, type Task } from "./task.ts";

type Http = HandlerInput<typeof sendA2aRequest>["http"];

export interface A2aOptions {
  gateway: Gateway;
  /** Stops the stream of a task at whichever gateway it runs. */
  cancelTask: (streamId: string) => Promise<void>;
}

interface Call extends A2aOptions {
  context: Context;
  http: Http;
  agentId: string;
  id: JsonRpcId;
  dialect: Dialect;
  params: unknown;
}

/** Methods of A2A 1.0 and 0.3, each with what it does and how its version writes the answer. */
const methods: Readonly<Record<string, { dialect: Dialect; answer: (call: Call) => Promise<object | typeof streamed> }>> = {
  SendMessage: { dialect: current, answer: (call) => send(call, toCurrentMessage(call.params)) },
  SendStreamingMessage: { dialect: current, answer: (call) => sendStreaming(call, toCurrentMessage(call.params)) },
  GetTask: { dialect: current, answer: getTask },
  CancelTask: { dialect: current, answer: cancelTask },
  SubscribeToTask: { dialect: current, answer: followTask },
  ListTasks: { dialect: current, answer: () => refuse(a2aErrors.unsupported("Tasks cannot be listed.")) },
  GetExtendedAgentCard: { dialect: current, answer: () => refuse(a2aErrors.noExtendedCard()) },
  CreateTaskPushNotificationConfig: { dialect: current, answer: () => refuse(a2aErrors.noPushNotifications()) },
  GetTaskPushNotificationConfig: { dialect: current, answer: () => refuse(a2aErrors.noPushNotifications()) },
  ListTaskPushNotificationConfigs: { dialect: current, answer: () => refuse(a2aErrors.noPushNotifications()) },
  DeleteTaskPushNotificationConfig: { dialect: current, answer: () => refuse(a2aErrors.noPushNotifications()) },
  "message/send": { dialect: former, answer: (call) => send(call, toFormerMessage(call.params)) },
  "message/stream": { dialect: former, answer: (call) => sendStreaming(call, toFormerMessage(call.params)) },
  "tasks/get": { dialect: former, answer: getTask },
  "tasks/cancel": { dialect: former, answer: cancelTask },
  "tasks/resubscribe": { dialect: former, answer: followTask },
  "agent/getAuthenticatedExtendedCard": { dialect: former, answer: () => refuse(a2aErrors.noExtendedCard()) },
  "tasks/pushNotificationConfig/set": { dialect: former, answer: () => refuse(a2aErrors.noPushNotifications()) },
  "tasks/pushNotificationConfig/get": { dialect: former, answer: () => refuse(a2aErrors.noPushNotifications()) },
  "tasks/pushNotificationConfig/list": { dialect: former, answer: () => refuse(a2aErrors.noPushNotifications()) },
  "tasks/pushNotificationConfig/delete": { dialect: former, answer: () => refuse(a2aErrors.noPushNotifications()) },
};

/**
 * Answers one request. Errors that A2A has a code for are answers like any other; what WHS refuses has the status and the
 * code of WHS.
 */
export async function answerRequest(
  options: A2aOptions,
  context: Context,
  { agent, request, http }: { agent: string; request: JsonRpcRequest; http: Http },
): Promise<JsonRpcResponse | typeof streamed> {
  requireOwnOrigin(context.config, http.request);
  const { id, method, params } = request;
  if (id === undefined) throw rpcFailure({ code: rpcCodes.invalidRequest, message: "A request must have an id." }, 400);
  try {
    const { agentId } = await findAgent(options.gateway, context, agent);
    requireVersion(http);
    const known = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (known === undefined) throw rpcFailure({ code: rpcCodes.methodNotFound, message: "Method not found." }, 200, "NOT_FOUND");
    const result = await known.answer({ ...options, context, http, agentId, id, dialect: known.dialect, params });
    return typeof result === "symbol" ? result : { jsonrpc: "2.0", id, result };
  } catch (error) {
    const failure = withId(toAppError(error), id);
    if (failure.status === 200) return failureAnswer(failure, context.traceId);
    throw failure;
  }
}

/** Of a client that names none, 0.3; the methods say the rest. */
function requireVersion({ request }: Http): void {
  const version = request.headers["a2a-version"];
  if (version !== undefined && !/^(0\.3|1\.0)(\.\d+)?$/.test(String(version))) throw a2aErrors.unknownVersion();
}

function refuse(error: Error): Promise<never> {
  return Promise.reject(error);
}

/** A context is a conversation: the same one, the same session. A task takes one message, and says all it has to say. */
async function toRun({ gateway, context, http, agentId }: Call, { text, contextId, taskId, detached }: SentMessage) {
  if (taskId !== undefined) {
    await readTask({ gateway, context, http, agentId }, taskId);
    throw a2aErrors.unsupported("A task takes no more messages; send another one in its context.");
  }
  const inContext = contextId ?? randomUUID();
  const request: AgentRequest = {
    agent: agentId,
    messages: [{ role: "user", content: text }],
    session: { conversation: `a2a:${inContext}` },
    options: { detach: detached },
  };
  return { contextId: inContext, request };
}

async function send(call: Call, message: SentMessage): Promise<object> {
  const { gateway, context, http, dialect } = call;
  const { contextId, request } = await toRun(call, message);
  if (message.detached) {
    const stream = await startKeptRun(gateway, context, http, request, { contextId });
    return dialect.sentTask({ ...newTask(stream.id), contextId, metadata: { traceId: context.traceId } });
  }
  const run = await openRun(gateway, context, http, request);
  const { output, usage } = await run.answer(http.request.signal);
  const { traceId } = context;
  const metadata = { traceId, usage, ...(run.sessionId === undefined ? {} : { sessionId: run.sessionId }) };
  return dialect.message({ messageId: run.invocationId, contextId, text: output.text, metadata });
}

async function sendStreaming(call: Call, message: SentMessage): Promise<typeof streamed> {
  const { gateway, context, http } = call;
  const { contextId, request } = await toRun(call, message);
  const stream = await startKeptRun(gateway, context, http, request, { contextId });
  return tell(call, stream.id);
}

async function getTask(call: Call): Promise<object> {
  return call.dialect.task(await readTask(call, toTaskId(call.params)));
}

async function cancelTask(call: Call): Promise<object> {
  const id = toTaskId(call.params);
  const task = await readTask(call, id);
  if (task.state !== "working") throw a2aErrors.taskNotCancelable();
  await call.cancelTask(id);
  const ended = await readTask(call, id, { toEnd: true });
  if (ended.state !== "canceled") throw a2aErrors.taskNotCancelable();
  return call.dialect.task(ended);
}

async function followTask(call: Call): Promise<typeof streamed> {
  const id = toTaskId(call.params);
  const { state } = await readTask(call, id);
  if (state !== "working" && call.dialect === current) throw a2aErrors.unsupported("The task has ended.");
  return tell(call, id);
}

/** Tells a task from its beginning to its end. What there is of it already is in its first event. */
async function tell(call: Call, streamId: string): Promise<typeof streamed> {
  const { context, http, id, dialect } = call;
  return answerWithEvents(context, http, async (sendAny) => {
    const sendResult = (result: object): Promise<void> => sendAny({ jsonrpc: "2.0", id, result });
    const task = newTask(streamId);
    let told = false;
    for await (const part of partsOf(call, streamId, { toEnd: true })) {
      for (const { event, data } of eventsOf(part.text)) {
        const before = task.text;
        const step = apply(task, event, data);
        if (!told) {
          if (step.type === "begun") await sendResult(dialect.taskEvent(task));
          told = true;
        } else if (step.type === "said") await sendResult(dialect.artifactEvent(task, step.text, before !== ""));
        if (step.type === "ended") await sendResult(dialect.statusEvent(task));
      }
    }
  });
}

type Reader = Pick<Call, "gateway" | "context" | "http" | "agentId">;

async function readTask(reader: Reader, streamId: string, { toEnd = false } = {}): Promise<Task> {
  const task = newTask(streamId);
  for await (const part of partsOf(reader, streamId, { toEnd })) {
    for (const { event, data } of eventsOf(part.text)) apply(task, event, data);
  }
  return task;
}

async function* partsOf({ gateway, context, http, agentId }: Reader, streamId: string, { toEnd }: { toEnd: boolean }) {
  const request = { userId: context.user.id, agentId, streamId, after: 0, traceId: context.traceId };
  try {
    yield* gateway.streams.read(request, { signal: http.request.signal, toEnd });
  } catch (error) {
    throw toAppError(error).code === "NOT_FOUND" ? a2aErrors.taskNotFound() : error;
  }
}
