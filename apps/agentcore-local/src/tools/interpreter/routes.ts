import type { ServerResponse } from "node:http";
import { z } from "zod";
import { AwsError, invalid } from "../../http/aws-error.ts";
import { encodeMessage, EVENT_STREAM_TYPE } from "../../http/event-stream.ts";
import type { AwsReply, AwsRequest, AwsRoute } from "../../http/routes.ts";
import { time } from "../../runtimes/present.ts";
import { parseBody } from "../../runtimes/schemas.ts";
import { listSchema, startFields } from "../schemas.ts";
import type { ToolSession, ToolSessions } from "../tool-sessions.ts";

const SESSION_HEADER = "x-amzn-code-interpreter-session-id";
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const MAX_RESULT_BYTES = 96 * 1024 * 1024;
const DEFAULT_TIMEOUT_SECONDS = 900;

const startSchema = z.object(startFields(DEFAULT_TIMEOUT_SECONDS));
const invokeSchema = z.object({
  name: z.enum([
    "executeCode",
    "executeCommand",
    "readFiles",
    "listFiles",
    "removeFiles",
    "writeFiles",
    "startCommandExecution",
    "getTask",
    "stopTask",
  ]),
  arguments: z.record(z.string(), z.unknown()).default({}),
});

export function interpreterRoutes(sessions: ToolSessions): AwsRoute[] {
  const base = "/code-interpreters/{id}/sessions";
  return [
    {
      method: "PUT",
      path: `${base}/start`,
      handler: async ({ parameters: [id = ""], body }) => {
        const { name, sessionTimeoutSeconds, clientToken } = parseBody(startSchema, body);
        const session = await sessions.start(id, { name, timeoutSeconds: sessionTimeoutSeconds, clientToken });
        return ok({ codeInterpreterIdentifier: id, sessionId: session.id, createdAt: time(session.createdAtMs) });
      },
    },
    { method: "GET", path: `${base}/get`, handler: async ({ parameters: [id = ""], query }) => ok(present(sessions.get(id, idOf(query)))) },
    {
      method: "PUT",
      path: `${base}/stop`,
      handler: async ({ parameters: [id = ""], query }) => {
        const { id: sessionId, updatedAtMs } = await sessions.stop(id, idOf(query));
        return ok({ codeInterpreterIdentifier: id, sessionId, lastUpdatedAt: time(updatedAtMs) });
      },
    },
    {
      method: "POST",
      path: `${base}/list`,
      handler: async ({ parameters: [id = ""], body }) => {
        const { status, nextToken, maxResults } = parseBody(listSchema, body);
        const { sessions: found, next } = sessions.list(id, status, nextToken, maxResults);
        return ok({ items: found.map((session) => summary(session)), nextToken: next });
      },
    },
    {
      method: "POST",
      path: "/code-interpreters/{id}/tools/invoke",
      maxBodyBytes: MAX_BODY_BYTES,
      handler: (request, response) => invoke(sessions, request, response),
    },
  ];
}

/** The answer is a stream of one event, as AWS's is for these tools. */
async function invoke(
  sessions: ToolSessions,
  { parameters: [id = ""], body, message }: AwsRequest,
  response: ServerResponse,
): Promise<undefined> {
  const sessionId = message.headers[SESSION_HEADER];
  if (typeof sessionId !== "string") throw invalid("sessionId", "is missing");
  const order = parseBody(invokeSchema, body);
  const sandbox = await sessions.sandbox(id, sessionId);
  response.writeHead(200, { "content-type": EVENT_STREAM_TYPE, [SESSION_HEADER]: sessionId });
  response.flushHeaders();
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  try {
    const answer = await sandbox.pool.request({ method: "POST", path: "/", body: JSON.stringify(order), signal: gone.signal });
    response.end(encodeMessage("event", "result", JSON.parse(await readText(answer.body))));
  } catch (error) {
    if (gone.signal.aborted) return;
    const failure = error instanceof AwsError ? error : new AwsError("InternalServerException", "The session ended before it answered.");
    response.end(encodeMessage("exception", "internalServerException", failure.body));
  }
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_RESULT_BYTES) throw new AwsError("InternalServerException", `The result has more than ${MAX_RESULT_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function present({ id, identifier, name, timeoutSeconds, status, createdAtMs }: ToolSession) {
  return {
    codeInterpreterIdentifier: identifier,
    sessionId: id,
    createdAt: time(createdAtMs),
    name,
    sessionTimeoutSeconds: timeoutSeconds,
    status,
  };
}

function summary({ id, identifier, name, status, createdAtMs, updatedAtMs }: ToolSession) {
  return {
    codeInterpreterIdentifier: identifier,
    sessionId: id,
    status,
    createdAt: time(createdAtMs),
    name,
    lastUpdatedAt: time(updatedAtMs),
  };
}

function ok(body: unknown): AwsReply {
  return { status: 200, body };
}

function idOf(query: URLSearchParams): string {
  const id = query.get("sessionId");
  if (id === null || id === "") throw invalid("sessionId", "is missing");
  return id;
}
