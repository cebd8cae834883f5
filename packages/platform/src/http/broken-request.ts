import { AppError } from "@whs/platform/errors";
import type { ConnectionError } from "fastify";
import type { ServerResponse } from "node:http";
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
  socket.end(rawAnswer(presentation, error.code));
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

function rawAnswer({ idHeader, newId, failure }: Presentation, code: string): string {
  const id = newId();
  const [status, message] = describe(code);
  const body = JSON.stringify(failure(new AppError("INVALID_REQUEST", message, { details: { fields: [] } }), id).body);
  return [
    `HTTP/1.1 ${status}`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    `${idHeader}: ${id}`,
    "x-content-type-options: nosniff",
    "cache-control: no-store",
    "connection: close",
    "",
    body,
  ].join("\r\n");
}

function describe(code: string): [status: string, message: string] {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return ["431 Request Header Fields Too Large", "The request's headers are too large."];
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return ["408 Request Timeout", "The request did not arrive in time."];
    default:
      return ["400 Bad Request", "The request is not valid HTTP."];
  }
}
