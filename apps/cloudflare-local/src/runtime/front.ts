/**
 * The TCP side of the Workers' addresses. workerd hears at once of a peer that closed a unix socket, but of one that closed a
 * TCP connection only when it writes to it; Node hears of both, so it stands between, as Cloudflare's own front does.
 */
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from "node:http";

export interface Front {
  port: number;
  close(): Promise<void>;
}

export async function listenFront({ host, port, socketPath }: { host: string; port: number; socketPath: string }): Promise<Front> {
  const agent = new Agent({ keepAlive: true });
  const server = createServer((incoming, outgoing) => pass(incoming, outgoing, { agent, socketPath }));
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The Workers' addresses have no port.");
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        agent.destroy();
      }),
  };
}

function pass(incoming: IncomingMessage, outgoing: ServerResponse, to: { agent: Agent; socketPath: string }): void {
  const { method, url, headers } = incoming;
  const upstream = request({ ...to, method, path: url, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
    answer.on("error", () => outgoing.destroy());
  });
  upstream.on("error", () => {
    if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(502).end("The Workers' process ended.\n");
  });
  outgoing.on("close", () => upstream.destroy());
  incoming.pipe(upstream);
}
