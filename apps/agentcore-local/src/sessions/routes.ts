/** The data API for runtimes. */
import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { type Arns, ACCOUNT_ID } from "../arn.ts";
import { AwsError, invalid } from "../http/aws-error.ts";
import type { AwsReply, AwsRequest, AwsRoute } from "../http/routes.ts";
import { DEFAULT_ENDPOINT, type VersionSpec } from "../runtimes/records.ts";
import type { Runtimes } from "../runtimes/runtimes.ts";
import { PROTOCOLS, type Sessions, type SessionTarget } from "./sessions.ts";

const SESSION_HEADER = "x-amzn-bedrock-agentcore-runtime-session-id";
/** As on AWS. */
const MAX_PAYLOAD_BYTES = 100 * 1024 * 1024;
const MIN_SESSION_ID = 33;
const MAX_SESSION_ID = 256;
/** Request headers that a container sees. */
const FORWARDED = [
  "content-type",
  "accept",
  "mcp-session-id",
  "mcp-protocol-version",
  "mcp-method",
  "mcp-name",
  SESSION_HEADER,
  "x-amzn-bedrock-agentcore-runtime-user-id",
  "x-amzn-trace-id",
  "traceparent",
  "tracestate",
  "baggage",
];
/** Response headers that a caller sees. */
const RETURNED = ["content-type", "mcp-session-id", "mcp-protocol-version", "x-amzn-trace-id", "traceparent", "tracestate", "baggage"];
/** An answer's head is small; AWS cuts what is longer. */
const MAX_ERROR_BYTES = 64 * 1024;

export function sessionRoutes(runtimes: Runtimes, sessions: Sessions, arns: Arns): AwsRoute[] {
  return [
    {
      method: "POST",
      path: "/runtimes/{arn}/invocations",
      maxBodyBytes: MAX_PAYLOAD_BYTES,
      handler: (request, response) => invoke(request, response),
    },
    { method: "POST", path: "/runtimes/{arn}/stopruntimesession", handler: (request) => stop(request) },
  ];

  function targetOf({ parameters: [name = ""], query }: AwsRequest): SessionTarget {
    const { runtimeId, endpoint: named } = parseRuntime(arns, name, query.get("accountId"));
    const endpoint = query.get("qualifier") ?? named ?? DEFAULT_ENDPOINT;
    const { version, environment } = runtimes.live(runtimeId, endpoint);
    if (version.image === undefined) throw new AwsError("ConflictException", `The endpoint ${endpoint} is not ready.`);
    const agentId = runtimes.tags(arns.runtime(runtimeId)).agentId ?? runtimeId;
    return { runtimeId, endpoint, image: version.image, spec: version.spec, environment, agentId };
  }

  async function invoke(request: AwsRequest, response: ServerResponse): Promise<undefined> {
    const { headers } = request.message;
    const sessionId = sessionIdOf(headers) ?? randomUUID();
    const target = targetOf(request);
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const session = await sessions.get(target, sessionId);
    const { path } = PROTOCOLS[target.spec.protocolConfiguration?.serverProtocol ?? "HTTP"];
    const sent = { ...forwarded(headers, target.spec), [SESSION_HEADER]: sessionId };
    let answer;
    try {
      answer = await session.request({ method: "POST", path, headers: sent, body: request.body, signal: gone.signal });
    } catch (error) {
      if (gone.signal.aborted) return;
      throw error;
    }
    if (answer.statusCode < 200 || answer.statusCode > 299) {
      for await (const chunk of limited(answer.body)) void chunk;
      throw new AwsError(
        "RuntimeClientError",
        `Received error (${answer.statusCode}) from runtime. Please check your CloudWatch logs for more information.`,
      );
    }
    response.writeHead(answer.statusCode, { ...returned(answer.headers), [SESSION_HEADER]: sessionId });
    response.flushHeaders();
    try {
      await pipeline(answer.body, response);
    } catch (error) {
      // One of both ends has gone; the other has been told by its connection.
      if (!(error instanceof Error)) throw error;
      response.destroy();
    }
  }

  async function stop(request: AwsRequest): Promise<AwsReply> {
    const { runtimeId, endpoint: named } = parseRuntime(arns, request.parameters[0] ?? "", request.query.get("accountId"));
    const endpoint = request.query.get("qualifier") ?? named ?? DEFAULT_ENDPOINT;
    const sessionId = sessionIdOf(request.message.headers);
    if (sessionId === undefined) throw invalid("runtimeSessionId", "is missing");
    runtimes.live(runtimeId, endpoint);
    await sessions.stop(runtimeId, endpoint, sessionId);
    return { status: 200, body: {}, headers: { [SESSION_HEADER]: sessionId } };
  }
}

/** An ARN, or an id together with the account. */
function parseRuntime(arns: Arns, name: string, accountId: string | null) {
  if (name.startsWith("arn:")) return arns.parseRuntime(name);
  if (accountId !== ACCOUNT_ID) throw invalid("accountId", `must be ${ACCOUNT_ID} where agentRuntimeArn is an id`);
  return { runtimeId: name, endpoint: undefined };
}

function sessionIdOf(headers: IncomingHttpHeaders): string | undefined {
  const id = headers[SESSION_HEADER];
  if (id === undefined) return undefined;
  if (typeof id !== "string" || id.length < MIN_SESSION_ID || id.length > MAX_SESSION_ID || !/^[\w-]+$/.test(id))
    throw invalid("runtimeSessionId", `must be ${MIN_SESSION_ID} to ${MAX_SESSION_ID} letters, digits, _ or -`);
  return id;
}

function forwarded(headers: IncomingHttpHeaders, spec: VersionSpec): Record<string, string> {
  const allowed = (spec.requestHeaderConfiguration?.requestHeaderAllowlist ?? []).map((name) => name.toLowerCase());
  const names = [...FORWARDED, ...allowed.filter((name) => name !== "authorization")];
  const kept = names.flatMap((name) => {
    const value = headers[name];
    return typeof value === "string" ? [[name, value] as const] : [];
  });
  return Object.fromEntries(kept);
}

function returned(headers: IncomingHttpHeaders): Record<string, string> {
  const kept = RETURNED.flatMap((name) => {
    const value = headers[name];
    return typeof value === "string" ? [[name, value] as const] : [];
  });
  return Object.fromEntries(kept);
}

async function* limited(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_ERROR_BYTES) return;
    yield chunk;
  }
}
