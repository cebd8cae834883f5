/** HTTP: health, files, the checks that hold for every page, and the headers on every answer. */
import { createRequestListener } from "@remix-run/node-fetch-server";
import { newId } from "@whs/platform/ids";
import type { Logger } from "@whs/platform/log";
import { createHttpObserver, type Registry } from "@whs/platform/metrics";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Config } from "../config.ts";
import type { CreatePages, Pages } from "../server.ts";
import { compress } from "./compress.ts";
import { refuseWrite } from "./refuse-write.ts";
import { securityHeaders } from "./security-headers.ts";
import { loadFiles } from "./static-files.ts";
import { createVisitorAddress } from "./visitor-address.ts";

export interface WebServer {
  /** @returns the address with the port that was really bound */
  listen(): Promise<string>;
  close(): Promise<void>;
}

export interface WebServerOptions {
  config: Config;
  log: Logger;
  /** Folder of the built app. */
  build: string;
  /** Where requests are counted. */
  registry: Registry;
}

/** Ready is who listens: without the APIs behind it, pages still say what is the matter. */
const HEALTH: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);
const REQUEST_TIMEOUT_MS = 120_000;
/** Running pages and streams get this long; the launcher's patience ends a little later. */
const CLOSE_TIMEOUT_MS = 5_000;

export async function createWebServer({ config, log, build, registry }: WebServerOptions): Promise<WebServer> {
  const { createPages } = (await import(pathToFileURL(path.join(build, "server", "index.js")).href)) as { createPages: CreatePages };
  const pages = createPages(config, log);
  const observe = createHttpObserver(registry);
  const files = loadFiles(path.join(build, "client"));
  const origin = new URL(config.origin);
  const visitorAddress = createVisitorAddress(config.trustedProxies);
  const answer = async (request: Request, connection: string): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (HEALTH.has(pathname)) return Response.json({ status: "ok" });
    const address = visitorAddress(connection, request.headers.get("x-forwarded-for"));
    return (
      files.send(request, pathname) ??
      moved(request, config) ??
      refuseWrite(request, config) ??
      (await page(pages, request, config, address))
    );
  };
  const listener = createRequestListener(
    async (request, { address }) => {
      try {
        return await answer(request, address);
      } catch (error) {
        log.error({ err: error, method: request.method, path: new URL(request.url).pathname }, "A page failed");
        return new Response("Something went wrong on our side.\n", { status: 500 });
      }
    },
    // Pages know themselves by one address, whatever a request claims.
    { host: origin.host, protocol: origin.protocol },
  );
  const routeOf = (url: string): string | undefined => {
    const pathname = url.split("?", 1)[0] ?? "";
    if (HEALTH.has(pathname)) return pathname;
    return files.has(pathname) ? "file" : pages.routeOf(pathname);
  };
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: 15_000 }, (request, response) => {
    observe(request.method, response, () => routeOf(request.url ?? ""));
    listener(request, response);
  });
  return {
    async listen() {
      server.listen(config.port, config.host);
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      return `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      const patience = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
      await closed;
      clearTimeout(patience);
    },
  };
}

async function page(pages: Pages, request: Request, config: Config, address: string): Promise<Response> {
  const nonce = randomBytes(16).toString("base64url");
  const traceId = newId("trc");
  const response = await pages.answer(request, { nonce, traceId, address });
  const headers = new Headers(response.headers);
  headers.set("x-trace-id", traceId);
  for (const [name, value] of Object.entries(securityHeaders(config, nonce))) headers.set(name, value);
  // Pages differ by who looks at them; whoever makes one that does not says so.
  if (!headers.has("cache-control")) headers.set("cache-control", "private, no-store");
  return compress(request, new Response(response.body, { status: response.status, headers }));
}

/** On loopback `localhost` and `127.0.0.1` are one server but two jars of cookies: people go on at the one that is ours. */
function moved(request: Request, { origin, loopback }: Config): Response | undefined {
  const host = request.headers.get("host");
  if (!loopback || request.method !== "GET" || host === null || host === new URL(origin).host) return undefined;
  const { pathname, search } = new URL(request.url);
  return new Response(null, { status: 307, headers: { location: `${origin}${pathname}${search}`, "cache-control": "no-store" } });
}
