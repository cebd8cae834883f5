import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface PeerAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** The connection ends after so many bytes of the body. */
  cutAfterBytes?: number;
}

/** What is kept of a request's body. */
const KEPT_BYTES = 64 * 1024;

/** A server on loopback that can do what networks and servers do to their clients. */
export class HttpPeer {
  readonly requests: { method: string; url: string; headers: IncomingMessage["headers"]; body: string }[] = [];
  /** Answers for the next requests instead of the protocol's own. */
  readonly instead: PeerAnswer[] = [];
  /** How many of the next requests are carried out, with the answer lost on its way. */
  loseAnswers = 0;
  /** Requests are neither carried out nor answered. */
  silent = false;
  readonly #server: Server;
  readonly #handle: (request: IncomingMessage, body: Buffer) => PeerAnswer;
  #port = 0;

  constructor(handle: (request: IncomingMessage, body: Buffer) => PeerAnswer) {
    this.#handle = handle;
    this.#server = createServer((request, response) => {
      void buffer(request).then((body) => {
        this.requests.push({
          method: request.method ?? "",
          url: request.url ?? "",
          headers: request.headers,
          body: body.toString("utf8", 0, KEPT_BYTES),
        });
        if (this.silent) return;
        const answer = this.instead.shift() ?? this.#handle(request, body);
        if (this.loseAnswers > 0) {
          this.loseAnswers -= 1;
          request.socket.destroy();
          return;
        }
        if (answer.cutAfterBytes === undefined) {
          response.writeHead(answer.status, answer.headers).end(answer.body);
          return;
        }
        response.writeHead(answer.status, { ...answer.headers, "content-length": String(answer.body?.length) });
        response.write(answer.body?.slice(0, answer.cutAfterBytes), () => request.socket.destroy());
      });
    });
  }

  async listen(): Promise<this> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}
