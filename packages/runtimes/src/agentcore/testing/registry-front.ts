/** Stands before a real registry: asks for bearer tokens, and cuts connections where a test wants it. */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface RegistryFront {
  origin: string;
  /** Method and path of everything that was asked. */
  asked: string[];
  /** The next uploads' parts are cut after this many bytes, one number each. */
  cuts: number[];
  /** Further bytes at the end of the next blob that is sent. */
  spoil: boolean;
  close(): Promise<void>;
}

export async function startFront(target: string, options: { bearer?: boolean } = {}): Promise<RegistryFront> {
  const tokens = new Set<string>();
  const front: RegistryFront = { origin: "", asked: [], cuts: [], spoil: false, close: async () => undefined };
  const server = createServer((incoming, outgoing) => {
    front.asked.push(`${incoming.method} ${incoming.url}`);
    if (incoming.url?.startsWith("/token?")) return giveToken(incoming, outgoing);
    if (options.bearer === true && !tokens.has(incoming.headers.authorization ?? "")) {
      incoming.resume();
      return void outgoing
        .writeHead(401, { "www-authenticate": `Bearer realm="${front.origin}/token",service="front",scope="unused"` })
        .end();
    }
    forward(incoming, outgoing);
  });
  const giveToken = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const scope = new URL(incoming.url ?? "", front.origin).searchParams.get("scope");
    const token = `token for ${scope} ${tokens.size}`;
    tokens.add(`Bearer ${token}`);
    outgoing.end(JSON.stringify({ token, expires_in: 300 }));
  };
  const forward = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { authorization: _authorization, host: _host, ...headers } = incoming.headers;
    const passed = request(new URL(incoming.url ?? "/", target), { method: incoming.method, headers }, (answer) => {
      const location = answer.headers.location?.replace(target, front.origin);
      outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...(location === undefined ? {} : { location }) });
      if (front.spoil && incoming.method === "GET" && incoming.url?.includes("/blobs/sha256:")) {
        front.spoil = false;
        answer.once("data", (chunk: Buffer) => (chunk[0] = (chunk[0] ?? 0) ^ 1));
      }
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    const cut = incoming.method === "PATCH" ? front.cuts.shift() : undefined;
    let seen = 0;
    incoming.on("data", (chunk: Buffer) => {
      seen += chunk.length;
      if (cut !== undefined && seen > cut) {
        passed.destroy();
        incoming.destroy();
      } else passed.write(chunk);
    });
    incoming.on("end", () => passed.end());
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  front.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  front.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return front;
}
