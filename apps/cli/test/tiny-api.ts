import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface SeenRequest {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

type Responder = (request: SeenRequest, response: ServerResponse) => void;

/** A server that answers as a test says, and remembers what it was asked: for what happens around a call, not in one. */
export interface TinyApi {
  url: string;
  seen: SeenRequest[];
  answer(responder: Responder): void;
  close(): Promise<void>;
}

export async function startTinyApi(): Promise<TinyApi> {
  const seen: SeenRequest[] = [];
  let responder: Responder = (_, response) => response.writeHead(500).end();
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const told = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
      seen.push(told);
      responder(told, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    answer: (next) => {
      responder = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  rest: { message?: string; details?: Record<string, unknown>; retryable?: boolean; headers?: Record<string, string> } = {},
): void {
  const { message = "No.", details = {}, retryable = false, headers = {} } = rest;
  json(response, status, { error: { code, message, details, retryable }, traceId: "trc_test00000001" }, headers);
}
