import { AppError } from "@whs/platform/errors";
import type { ConnectionError } from "fastify";
import { type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Presentation } from "./presentation.ts";

/** How long a caller has to read the answer before its connection is cut. */
const lingerMs = 1_000;

/**
 * Answers what Node's HTTP parser refuses before a request exists: broken syntax, headers too large, too slow.
 * `answering` is the connection's latest response, if it had any.
 */
export function answerBrokenRequest(
  presentation: Presentation,
  error: ConnectionError,
  socket: Socket,
  answering: ServerResponse | undefined,
): void {
  const insideAnswer = answering !== undefined && answering.headersSent && !answering.writableFinished;
  if (error.code === "ECONNRESET" || socket.destroyed || insideAnswer) {
    socket.destroy();
    return;
  }
  // Answered already: what still arrives is not read.
  if (!socket.writable) return;
  endWith(socket, rawAnswer(presentation, error.code));
}

/** Answers in our form what Node would answer without a body, or by closing the connection. */
export function answerUnservedRequests(server: Server, presentation: Presentation): void {
  server.on("checkExpectation", (_request, response: ServerResponse) => {
    const { status, headers, body } = answerTo(presentation, "EXPECTATION");
    response.writeHead(status, headers).end(body);
  });
  server.on("connect", (_request, socket: Socket) => {
    // What a tunnel's other end does is nobody's business any more.
    socket.on("error", () => socket.destroy());
    endWith(socket, rawAnswer(presentation, "TUNNEL"));
  });
}

function endWith(socket: Socket, answer: string): void {
  socket.end(answer);
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

function rawAnswer(presentation: Presentation, code: string): string {
  const { status, headers, body } = answerTo(presentation, code);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, "", body].join("\r\n");
}

function answerTo(
  { idHeader, newId, failure }: Presentation,
  code: string,
): { status: number; headers: Record<string, string>; body: string } {
  const id = newId();
  const [status, message] = describe(code);
  const body = JSON.stringify(failure(new AppError("INVALID_REQUEST", message, { details: { fields: [] } }), id).body);
  const headers = {
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(body)),
    [idHeader]: id,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    connection: "close",
  };
  return { status, headers, body };
}

function describe(code: string): [status: number, message: string] {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return [431, "The request's headers are too large."];
    case "EXPECTATION":
      return [417, "The only expectation that is met is 100-continue."];
    case "TUNNEL":
      return [400, "Tunnels are not opened here."];
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return [408, "The request did not arrive in time."];
    default:
      return [400, "The request is not valid HTTP."];
  }
}
