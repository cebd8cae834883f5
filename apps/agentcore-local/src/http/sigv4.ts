/**
 * Verifies AWS Signature Version 4 by computing it again with the SDK's own signer.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 */
import { createHash, createHmac, type Hash, type Hmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { SignatureV4 } from "@smithy/signature-v4";
import { AwsError } from "./aws-error.ts";

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

export interface SignedRequest {
  method: string;
  /** Path and query exactly as they came. */
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Expected {
  credentials: Credentials;
  region: string;
  services: readonly string[];
  nowMs: number;
}

/** How far a signature's time may be from ours. */
const MAX_SKEW_MS = 5 * 60_000;
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([\w-]+)\/(\d{8})\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request, ?SignedHeaders=([a-z0-9;._-]+), ?Signature=([0-9a-f]{64})$/;

/**
 * The service that the request was signed for.
 * @throws AwsError when the request was not signed by the holder of the credentials, for this region and a service of ours, just now, as it is.
 */
export async function verifySignature(request: SignedRequest, expected: Expected): Promise<string> {
  const { authorization } = request.headers;
  if (authorization === undefined) throw new AwsError("MissingAuthenticationTokenException", "The request is not signed.");
  const match = AUTHORIZATION.exec(authorization);
  if (match === null) throw rejected("The authorization header is not a signature of version 4.");
  const [, accessKeyId = "", day = "", region = "", service = "", signedHeaders = "", signature = ""] = match;
  if (!equal(accessKeyId, expected.credentials.accessKeyId))
    throw new AwsError("UnrecognizedClientException", "The security token included in the request is invalid.");
  if (region !== expected.region) throw rejected(`The request is signed for the region ${region}; this is ${expected.region}.`);
  if (!expected.services.includes(service)) throw rejected(`The request is signed for the service ${service}.`);
  const signed = signedHeaders.split(";");
  if (!signed.includes("host") || !signed.includes("x-amz-date")) throw rejected("The headers host and x-amz-date must be signed.");
  const signingDate = timeOf(request.headers["x-amz-date"], day, expected.nowMs);
  checkDeclaredHash(request);
  const own = await sign(request, { ...expected, service, signed, signingDate });
  if (!equal(own, signature)) throw rejected("The signature does not match the request.");
  return service;
}

async function sign(
  { method, url, headers, body }: SignedRequest,
  { credentials, region, service, signed, signingDate }: Expected & { service: string; signed: readonly string[]; signingDate: Date },
): Promise<string> {
  const signer = new SignatureV4({ service, region, credentials, sha256: Sha256, applyChecksum: false, uriEscapePath: true });
  const [path, search] = split(url);
  const request = {
    method,
    protocol: "http:",
    hostname: "signed-by-header",
    path,
    query: queryOf(search),
    headers: Object.fromEntries(signed.map((name) => [name, String(headers[name] ?? "")])),
    ...(body.length > 0 ? { body } : {}),
  };
  const result = await signer.sign(request, { signingDate, signableHeaders: new Set(signed), unsignableHeaders: new Set() });
  return /Signature=([0-9a-f]{64})/.exec(result.headers.authorization ?? "")?.[1] ?? "";
}

function split(url: string): [string, string] {
  const mark = url.indexOf("?");
  return mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)];
}

function queryOf(search: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {};
  for (const part of search.split("&").filter((text) => text !== "")) {
    const equals = part.indexOf("=");
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    const value = decode(equals < 0 ? "" : part.slice(equals + 1));
    const before = query[name];
    query[name] = before === undefined ? value : [before, value].flat();
  }
  return query;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new AwsError("ValidationException", "The query is not valid.", { cause });
  }
}

function timeOf(text: string | string[] | undefined, day: string, nowMs: number): Date {
  const match = typeof text === "string" ? /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) : null;
  if (match === null || typeof text !== "string" || !text.startsWith(day)) throw rejected("The header x-amz-date is not valid.");
  const [, year, month, date, hour, minute, second] = match.map(Number);
  const time = Date.UTC(year ?? 0, (month ?? 1) - 1, date, hour, minute, second);
  if (Math.abs(nowMs - time) > MAX_SKEW_MS) throw rejected("The signature has expired or is not valid yet.");
  return new Date(time);
}

/** The signer believes a declared hash, which also allows bodies that are not signed; here bodies always are. */
function checkDeclaredHash({ headers, body }: SignedRequest): void {
  const declared = headers["x-amz-content-sha256"];
  if (declared === undefined) return;
  const actual = createHash("sha256").update(body).digest("hex");
  if (typeof declared !== "string" || !equal(declared, actual)) throw rejected("The body does not match x-amz-content-sha256.");
}

function rejected(message: string): AwsError {
  return new AwsError("InvalidSignatureException", message);
}

/** Takes the same time wherever the texts differ. */
export function equal(one: string, other: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

/** The hash that the signer wants, by Node. */
export class Sha256 {
  private readonly hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.hash = secret === undefined ? createHash("sha256") : createHmac("sha256", bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.hash.update(bytesOf(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.hash.digest());
  }

  reset(): void {
    throw new Error("A hash is used once.");
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === "string") return Buffer.from(data);
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}
