/** The one way from HTTP into the identity library: pages and API use the same checks and limits. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { CLIENT_ADDRESS_HEADER, type Auth } from "./auth.ts";
import type { IdentityConfig } from "./config.ts";

export interface AuthCall {
  method: string;
  /** Under the library's base path: `/sign-in/email`, with its query. */
  path: string;
  body?: string | Uint8Array<ArrayBuffer>;
  contentType?: string;
  /** Token of a session that acts in place of whatever the request bears. */
  bearer?: string;
}

export type AuthGateway = (request: FastifyRequest, call: AuthCall) => Promise<Response>;

/** Headers that describe the connection or the original body, not what is passed on. */
const NOT_PASSED_ON = new Set([
  "host",
  "connection",
  "content-length",
  "content-type",
  "transfer-encoding",
  "content-encoding",
  "expect",
  CLIENT_ADDRESS_HEADER,
]);

export function createAuthGateway(auth: Auth, config: IdentityConfig): AuthGateway {
  return async (request, { method, path, body, contentType, bearer }) => {
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) {
      if (NOT_PASSED_ON.has(name) || name.startsWith("x-forwarded-") || value === undefined) continue;
      for (const single of Array.isArray(value) ? value : [value]) headers.append(name, single);
    }
    headers.set(CLIENT_ADDRESS_HEADER, request.ip);
    if (contentType !== undefined) headers.set("content-type", contentType);
    if (bearer !== undefined) {
      headers.delete("cookie");
      headers.set("authorization", `Bearer ${bearer}`);
    }
    // A browser says where a write comes from; what says nothing is a script, which has no foreign page to fear.
    if (method !== "GET" && !comesFromBrowser(request)) headers.set("origin", config.publicUrl);
    return auth.handler(new Request(`${config.publicUrl}/api/auth${path}`, { method, headers, ...(body === undefined ? {} : { body }) }));
  };
}

export function comesFromBrowser({ headers }: FastifyRequest): boolean {
  return headers.origin !== undefined || headers.referer !== undefined || headers["sec-fetch-site"] !== undefined;
}

/** False for a write that a page of another origin makes a browser send. */
export function isTrustedOrigin({ headers }: FastifyRequest, config: IdentityConfig): boolean {
  if (headers.origin !== undefined) return config.trustedOrigins.includes(headers.origin);
  return headers["sec-fetch-site"] === undefined || headers["sec-fetch-site"] === "same-origin" || headers["sec-fetch-site"] === "none";
}

export async function sendResponse(reply: FastifyReply, response: Response): Promise<FastifyReply> {
  void reply.code(response.status);
  copyCookies(reply, response);
  for (const [name, value] of response.headers) {
    if (name !== "set-cookie") void reply.header(name, value);
  }
  const retryAfter = response.headers.get("x-retry-after");
  if (retryAfter !== null) void reply.header("retry-after", retryAfter);
  return reply.send(Buffer.from(await response.arrayBuffer()));
}

export function copyCookies(reply: FastifyReply, response: Response): void {
  for (const cookie of response.headers.getSetCookie()) void reply.header("set-cookie", cookie);
}
