import type { FastifyReply, FastifyRequest } from "fastify";
import { createHash } from "node:crypto";

/**
 * Lets anybody keep an answer for some seconds, and names it by a weak ETag (RFC 9110, section 8.8) of what it says; the
 * request's own id is no part of that.
 * @returns whether the caller has it already
 */
export function isFresh(request: FastifyRequest, reply: FastifyReply, body: object, cacheSeconds: number): boolean {
  const tag = `"${createHash("sha256").update(JSON.stringify(body)).digest("base64url").slice(0, 27)}"`;
  reply.header("etag", `W/${tag}`).header("cache-control", `public, max-age=${cacheSeconds}`);
  const known = request.headers["if-none-match"];
  if (known === undefined) return false;
  return known.split(",").some((sent) => sent.trim() === "*" || sent.trim().replace(/^W\//, "") === tag);
}
