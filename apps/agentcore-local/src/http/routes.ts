import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { AwsError } from "./aws-error.ts";

/** A request of the AWS API, whose signature is verified. */
export interface AwsRequest {
  /** Decoded parts of the path that the pattern names, in its order. */
  parameters: readonly string[];
  query: URLSearchParams;
  body: Buffer;
  /** For handlers that need headers, or the client's going away. */
  message: IncomingMessage;
}

export interface AwsReply {
  status: number;
  /** Becomes JSON; undefined: no body. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
}

/** Undefined: the handler has answered, or will, by itself. */
export type AwsHandler = (request: AwsRequest, response: ServerResponse) => Promise<AwsReply | undefined>;

export interface AwsRoute {
  method: string;
  /** Path with `{name}` for one part, which may hold escaped slashes: `/runtimes/{arn}/invocations`. */
  path: string;
  maxBodyBytes?: number;
  handler: AwsHandler;
}

/** A connection that becomes a WebSocket. */
export interface UpgradeRoute {
  path: string;
  handler: (request: AwsRequest, socket: Duplex, head: Buffer) => Promise<void>;
}

interface Compiled<R> {
  route: R;
  pattern: RegExp;
}

/** Finds routes by method and path; a slash at the end is neither here nor there. */
export class RouteTable<R extends { path: string; method?: string }> {
  private readonly compiled: readonly Compiled<R>[];

  constructor(routes: readonly R[]) {
    this.compiled = routes.map((route) => ({
      route,
      pattern: new RegExp(`^${route.path.replace(/\/$/, "").replaceAll(/\{\w+\}/g, "([^/]+)")}/?$`),
    }));
  }

  find(method: string, path: string): { route: R; parameters: string[] } | null {
    for (const { route, pattern } of this.compiled) {
      const match = (route.method ?? "GET") === method ? pattern.exec(path) : null;
      if (match !== null) return { route, parameters: match.slice(1).map(decodePart) };
    }
    return null;
  }
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new AwsError("ValidationException", "The path is not valid.", { cause });
  }
}

/** The body as JSON; none is an empty object. @throws AwsError when it is not JSON. */
export function jsonOf(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new AwsError("SerializationException", "The body is not JSON.", { cause });
  }
}
