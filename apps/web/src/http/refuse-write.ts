import type { Config } from "../config.ts";

/** A bundle of the largest size that WHS takes, and the form around it. */
const LARGEST_BODY_BYTES = 32 * 1024 * 1024;

/**
 * Refuses writes that a page of another site makes a browser send (CSRF), and bodies beyond every limit.
 * Browsers say with every write where it comes from; what does not say so is no browser and has no business here.
 */
export function refuseWrite(request: Request, { origin }: Pick<Config, "origin">): Response | undefined {
  if (request.method === "GET" || request.method === "HEAD") return undefined;
  const { headers } = request;
  const sameOrigin = headers.has("origin") ? headers.get("origin") === origin : headers.get("sec-fetch-site") === "same-origin";
  if (!sameOrigin) return refusal(403, "This form was sent from another site.");
  const length = Number(headers.get("content-length") ?? Number.NaN);
  if (Number.isNaN(length)) return refusal(411, "The length of the body is missing.");
  if (length > LARGEST_BODY_BYTES) return refusal(413, "The body is too large.");
  return undefined;
}

function refusal(status: number, text: string): Response {
  return new Response(`${text}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" } });
}
