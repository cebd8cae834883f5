import { type Endpoint, type InvokeRequest, type Message, messagesSchema } from "@whs/api";
import { type HandlerInput, parseInput } from "@whs/platform/http";
import type { InvokeOutput } from "@whs/runtimes";
import { z } from "zod";
import type { Context } from "../../context.ts";
import {
  findAgent,
  forwardDeltas,
  type Gateway,
  type InvocationRequest,
  type LiveStream,
  prepareInvocation,
  type Route,
  runInvocation,
  startStream,
  toInvocationRequest,
} from "../invocations/index.ts";

export interface AgentRequest {
  /** The agent's id or its name. */
  agent: string;
  messages: readonly Message[];
  /** Which session of a sessionful agent; a new one where this is absent. */
  session?: SessionChoice | undefined;
  options?: InvokeRequest["options"];
}

/** A session that the caller was told of, or a conversation that the caller names: the same name, the same session. */
export type SessionChoice = { id: string } | { conversation: string };

/** An invocation that is let in. Exactly one of its ways has to be gone: it holds a place among the caller's. */
export interface AgentRun {
  agentId: string;
  name: string;
  /** Unique, and the invocation's own id in traces and usage. */
  invocationId: string;
  /** Absent on stateless agents. */
  sessionId: string | undefined;
  /** Waits for the whole answer. The agent stops when `callerGone` fires. @throws AppError */
  answer(callerGone: AbortSignal | undefined): Promise<InvokeOutput>;
  /** Hands on each piece of the answer; the next is taken when the last one is through. @throws AppError */
  stream(callerGone: AbortSignal | undefined, onDelta: (text: string) => void | Promise<void>): Promise<InvokeOutput>;
}

/**
 * The one way from a protocol to an agent: the same checks, limits, metering and traces as `/v1/invoke`.
 * @throws AppError whatever refuses an invocation before it reaches the runtime; nothing is counted then
 */
export async function openRun(
  gateway: Gateway,
  context: Context,
  http: HandlerInput<Endpoint>["http"],
  request: AgentRequest,
): Promise<AgentRun> {
  const { route, invocation } = await toInvocation(gateway, context, http, request);
  const { agentId, name } = route;
  const prepared = await prepareInvocation(gateway, context, invocation);
  const { provider } = prepared;
  return {
    agentId,
    name,
    invocationId: prepared.input.eventId,
    sessionId: prepared.sessionId,
    answer: (callerGone) => runInvocation(gateway, context, prepared, callerGone, (input) => provider.invoke(input)),
    stream: (callerGone, onDelta) =>
      runInvocation(gateway, context, prepared, callerGone, (input) => forwardDeltas(provider, input, onDelta)),
  };
}

/**
 * Starts a run whose answer is kept as a stream, to be read by its id, here or at any gateway.
 * @throws AppError as {@link openRun} does
 */
export async function startKeptRun(
  gateway: Gateway,
  context: Context,
  http: HandlerInput<Endpoint>["http"],
  request: AgentRequest,
  labels: Readonly<Record<string, string>>,
): Promise<LiveStream> {
  return startStream(gateway, context, (await toInvocation(gateway, context, http, request)).invocation, labels);
}

async function toInvocation(
  gateway: Gateway,
  context: Context,
  http: HandlerInput<Endpoint>["http"],
  request: AgentRequest,
): Promise<{ route: Route; invocation: InvocationRequest }> {
  const { messages } = parseInput(messagesInput, { messages: request.messages });
  const route = await findAgent(gateway, context, request.agent);
  const { session, options } = request;
  const body = {
    input: { messages },
    ...(session !== undefined && "id" in session ? { sessionId: session.id } : {}),
    ...(options === undefined ? {} : { options }),
  };
  const invocation = {
    ...toInvocationRequest(route.agentId, body, http),
    ...(session !== undefined && "conversation" in session ? { conversation: session.conversation } : {}),
  };
  return { route, invocation };
}

const messagesInput = z.object({ messages: messagesSchema });
