import { type JsonRpcId, type JsonRpcRequest, type JsonRpcResponse, type sendMcpMessage, whsApiInfo } from "@whs/api";
import { type HandlerInput, type HttpRequest, type streamed, toAppError } from "@whs/platform/http";
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Context } from "../../../context.ts";
import { requireScope } from "../../access/index.ts";
import { listServingAgents } from "../../agents/index.ts";
import { findAgent, type Gateway } from "../../invocations/index.ts";
import { openRun } from "../agent-run.ts";
import { failureAnswer, rpcCodes, rpcFailure, withId } from "../json-rpc.ts";
import { requireOwnOrigin } from "../own-origin.ts";
import { callKey, type RunningCalls } from "../running-calls.ts";
import { toAgentRequest, toTool } from "./agent-tools.ts";
import { answerNothing, callAgent, toFailure } from "./call-agent.ts";
import { controlTools, findControlTool } from "./control-tools.ts";
import { agreeOn, isModern, revisions } from "./revisions.ts";
import type { ControlTool, ToolResult } from "./tool.ts";

type Http = HandlerInput<typeof sendMcpMessage>["http"];

export interface McpOptions {
  gateway: Gateway;
  calls: RunningCalls;
  /** Stops a call wherever it runs. */
  cancelCall: (key: string) => Promise<void>;
  /** Counts a change among the caller's. @throws AppError `RATE_LIMITED` */
  admitWrite: (context: Context, request: HttpRequest) => Promise<void>;
}

const serverInfo = { name: "whs", title: whsApiInfo.title, version: whsApiInfo.version };
const capabilities = { tools: {} };
const instructions =
  "Each agent of the account is a tool: say something to it by `prompt`, and go on with a session by `sessionId`. The tools that begin with whs_ look after the agents.";
/** How long a client may believe a list of tools; agents come and go by hand. */
const listTtlMs = 5_000;
/** Names a client among those of its user; nothing is kept of it. */
const sessionHeader = "mcp-session-id";

/**
 * Answers one message. What is wrong with the message itself has an HTTP status; an unknown tool is an error in the
 * answer; what a tool comes to is a result.
 */
export async function answerMessage(
  options: McpOptions,
  context: Context,
  message: JsonRpcRequest,
  http: Http,
): Promise<JsonRpcResponse | typeof streamed> {
  requireOwnOrigin(context.config, http.request);
  if (message.id === undefined) return takeNotification(options, context, message, http);
  try {
    return await answerRequest(options, context, { ...message, id: message.id }, http);
  } catch (error) {
    const failure = withId(toAppError(error), message.id);
    if (failure.status === 200) return failureAnswer(failure, context.traceId);
    throw failure;
  }
}

interface Request extends JsonRpcRequest {
  id: JsonRpcId;
}

async function answerRequest(
  options: McpOptions,
  context: Context,
  request: Request,
  http: Http,
): Promise<JsonRpcResponse | typeof streamed> {
  const modern = isModern(request, http.request.headers);
  const respond = (result: object): JsonRpcResponse => ({
    jsonrpc: "2.0",
    id: request.id,
    result: modern ? toModern(result) : result,
  });
  switch (request.method) {
    case "tools/list":
      return respond({ tools: await listTools(context), ...(modern ? { ttlMs: listTtlMs, cacheScope: "private" } : {}) });
    case "tools/call":
      return callTool(options, context, request, http, respond);
    case "server/discover":
      if (modern) return respond({ supportedVersions: revisions, capabilities, instructions });
      break;
    case "initialize":
      if (modern) break;
      http.setHeader(sessionHeader, randomUUID());
      return respond({ protocolVersion: agreeOn(request.params?.["protocolVersion"]), capabilities, serverInfo, instructions });
    case "ping":
      if (!modern) return respond({});
  }
  throw rpcFailure({ code: rpcCodes.methodNotFound, message: "Method not found." }, modern ? 404 : 200, "NOT_FOUND");
}

function toModern(result: { _meta?: object }): object {
  return { resultType: "complete", ...result, _meta: { "io.modelcontextprotocol/serverInfo": serverInfo, ...result._meta } };
}

const cancelledParams = z.looseObject({ requestId: z.union([z.string(), z.number()]) });

async function takeNotification(
  { cancelCall }: McpOptions,
  context: Context,
  { method, params }: JsonRpcRequest,
  http: Http,
): Promise<typeof streamed> {
  if (method === "notifications/cancelled") {
    const { success, data } = cancelledParams.safeParse(params);
    if (success) await cancelCall(callKey({ userId: context.user.id, session: sessionOf(http), requestId: data.requestId }));
  }
  return answerNothing(http);
}

/** What the caller's credential reaches: tools of the control plane in a fixed order, then agents, newest first. */
async function listTools(context: Context): Promise<object[]> {
  const own = controlTools.filter(({ scope }) => context.scopes.has(scope));
  const agents = context.scopes.has("invoke") ? await listServingAgents(context) : [];
  return [...own.map(({ definition }) => definition), ...agents.map(toTool)];
}

const callParams = z.looseObject({
  name: z.string(),
  arguments: z.record(z.string(), z.unknown()).default({}),
  _meta: z.looseObject({ progressToken: z.union([z.string(), z.number()]).optional(), traceparent: z.string().optional() }).default({}),
});

async function callTool(
  options: McpOptions,
  context: Context,
  request: Request,
  http: Http,
  respond: (result: ToolResult) => JsonRpcResponse,
): Promise<JsonRpcResponse | typeof streamed> {
  const { gateway, calls } = options;
  const { success, data } = callParams.safeParse(request.params);
  if (!success) throw rpcFailure({ code: rpcCodes.invalidParams, message: "params must have the name of a tool, and its arguments." }, 200);
  const { name, arguments: input } = data;
  const control = findControlTool(name);
  if (control !== undefined) return respond(await useControlTool(options, context, { tool: control, input, http }));
  requireScope(context, "invoke");
  const { agentId } = await findAgent(gateway, context, name).catch((error: unknown) => {
    if (toAppError(error).code === "NOT_FOUND")
      throw rpcFailure({ code: rpcCodes.invalidParams, message: "Unknown tool." }, 200, "NOT_FOUND");
    throw error;
  });
  const call = calls.enter({ userId: context.user.id, session: sessionOf(http), requestId: request.id });
  try {
    const wanted = toAgentRequest(agentId, input);
    const run = await openRun(gateway, context, withTraceOf(http, data._meta.traceparent), wanted);
    const sessionId = wanted.session !== undefined && "id" in wanted.session ? wanted.session.id : undefined;
    const { progressToken } = data._meta;
    return (await callAgent(context, http, { run, sessionId, progressToken, cancelled: call.cancelled, respond })) as
      | JsonRpcResponse
      | typeof streamed;
  } catch (error) {
    return respond(toFailure(error, context.traceId));
  } finally {
    call.leave();
  }
}

async function useControlTool(
  { gateway, admitWrite }: McpOptions,
  context: Context,
  { tool, input, http }: { tool: ControlTool; input: unknown; http: Http },
): Promise<ToolResult> {
  requireScope(context, tool.scope);
  try {
    if (tool.changes) await admitWrite(context, http.request);
    const structuredContent = await tool.call(gateway, context, input);
    return {
      content: [{ type: "text", text: JSON.stringify(structuredContent) }],
      structuredContent,
      isError: false,
      _meta: { traceId: context.traceId },
    };
  } catch (error) {
    return toFailure(error, context.traceId);
  }
}

function sessionOf({ request }: Http): string {
  const session = request.headers[sessionHeader];
  return typeof session === "string" ? session : "";
}

/** A caller may say in the message what `traceparent` says in a header; the header counts. */
function withTraceOf(http: Http, traceparent: string | undefined): Http {
  if (traceparent === undefined || http.request.headers["traceparent"] !== undefined) return http;
  const headers = { ...http.request.headers, traceparent };
  return { ...http, request: Object.create(http.request, { headers: { value: headers } }) as HttpRequest };
}
