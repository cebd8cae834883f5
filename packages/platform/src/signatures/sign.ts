import { createHmac } from "node:crypto";
import { type HmacKey, requireUsableKey } from "./hmac-key.ts";

/** Everything of a request that a `v2` signature covers beside its body. */
export interface SignedContext {
  /** Epoch milliseconds in decimal, the very text of the timestamp header. */
  timestamp: string;
  /** Who signs: the delegation source or the deployment's id. */
  source: string;
  /** Signed in upper case. */
  method: string;
  /** Path as the server receives it, with the query string if there is one. */
  path: string;
}

export interface SignedRequest extends SignedContext {
  body: Uint8Array | string;
}

/** A request that has no unambiguous signature. */
export class SignatureContextError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SignatureContextError";
  }
}

/** Up to 15 digits hold any time until the year 33658 and stay exact as a number. */
const TIMESTAMP = /^(?:0|[1-9][0-9]{0,14})$/;
/** No dot: it ends the source in the signed text. */
const SOURCE = /^[A-Za-z0-9_-]{1,128}$/;
const METHOD = /^[A-Za-z]{1,16}$/;
/**
 * RFC 3986 path and query. Without quotes, braces and brackets the start of a JSON body cannot pass for the end of a
 * path, nor the end of a path for the start of a JSON body, so that the dot between them is unambiguous.
 */
const PATH = /^\/[A-Za-z0-9\-._~%!$&'()*+,;=:@/?]{0,2047}$/;

/** Which part of a context cannot be signed; undefined when all can. */
export function invalidContextPart(context: SignedContext): keyof SignedContext | undefined {
  if (!TIMESTAMP.test(context.timestamp)) return "timestamp";
  if (!SOURCE.test(context.source)) return "source";
  if (!METHOD.test(context.method)) return "method";
  return PATH.test(context.path) ? undefined : "path";
}

export function hmacOfBody(key: HmacKey, body: Uint8Array | string): Buffer {
  return createHmac("sha256", key).update(body).digest();
}

export function hmacOfRequest(key: HmacKey, { timestamp, source, method, path, body }: SignedRequest): Buffer {
  return createHmac("sha256", key).update(`${timestamp}.${source}.${method.toUpperCase()} ${path}.`).update(body).digest();
}

/**
 * `v1=<hex HMAC-SHA256(key, body)>`: covers the body alone. A text body counts as UTF-8.
 * @throws HmacKeyError
 */
export function signV1(key: HmacKey, rawBody: Uint8Array | string): string {
  requireUsableKey(key);
  return `v1=${hmacOfBody(key, rawBody).toString("hex")}`;
}

/**
 * `v2=<hex HMAC-SHA256(key, timestamp.source.METHOD path.body)>`: covers the whole request.
 * @throws HmacKeyError
 * @throws SignatureContextError naming the part that cannot be signed.
 */
export function signV2(key: HmacKey, request: SignedRequest): string {
  requireUsableKey(key);
  const invalid = invalidContextPart(request);
  if (invalid !== undefined)
    throw new SignatureContextError(`Cannot sign a request: its ${invalid} has a form that signatures do not cover.`);
  return `v2=${hmacOfRequest(key, request).toString("hex")}`;
}

/** The value of a signature header as we send it: `v1=…,v2=…`, for receivers that know only one of them too. */
export function signatureHeader(key: HmacKey, request: SignedRequest): string {
  return `${signV1(key, request.body)},${signV2(key, request)}`;
}
