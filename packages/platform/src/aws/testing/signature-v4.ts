import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** What Amazon publishes as the example pair of its documentation. */
export const accessKeyId = "AKIAIOSFODNN7EXAMPLE";
export const secretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

const ALGORITHM = "AWS4-HMAC-SHA256";
const CREDENTIAL =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;
const MAX_SKEW_MS = 15 * 60 * 1000;

/**
 * Computes the signature of a request anew, as AWS Signature Version 4 says.
 * @returns the API's name of what is wrong; undefined for a signature that holds.
 */
export function refuseSignature(request: IncomingMessage, body: Buffer, service: string, region: string): string | undefined {
  const authorization = CREDENTIAL.exec(request.headers.authorization ?? "");
  if (authorization === null) return "IncompleteSignature";
  const [, keyId, date = "", signedRegion, signedService, signedHeaders = "", signature = ""] = authorization;
  const timestamp = single(request, "x-amz-date");
  if (keyId !== accessKeyId) return "InvalidAccessKeyId";
  if (signedRegion !== region || signedService !== service || !timestamp.startsWith(date)) return "SignatureDoesNotMatch";
  if (Math.abs(Date.now() - parseTimestamp(timestamp)) > MAX_SKEW_MS) return "RequestTimeTooSkewed";
  const payload = sha256(body);
  const declared = single(request, "x-amz-content-sha256");
  if (declared !== payload && (declared !== "" || service === "s3")) return "XAmzContentSHA256Mismatch";
  const names = signedHeaders.split(";");
  const mustBeSigned = ["host", ...Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"))];
  if (!mustBeSigned.every((name) => names.includes(name))) return "SignatureDoesNotMatch";
  const url = new URL(request.url ?? "", "http://x");
  const canonical = [
    request.method,
    url.pathname,
    canonicalQuery(request.url ?? ""),
    ...names.map((name) => `${name}:${single(request, name).trim().replaceAll(/ +/g, " ")}`),
    "",
    signedHeaders,
    payload,
  ].join("\n");
  const scope = `${date}/${region}/${service}/aws4_request`;
  const toSign = [ALGORITHM, timestamp, scope, sha256(Buffer.from(canonical, "utf8"))].join("\n");
  const key = [date, region, service, "aws4_request"].reduce<Buffer>(
    (from, part) => hmac(from, part),
    Buffer.from(`AWS4${secretAccessKey}`),
  );
  return timingSafeEqual(hmac(key, toSign), Buffer.from(signature, "hex")) ? undefined : "SignatureDoesNotMatch";
}

function single(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return typeof value === "string" ? value : "";
}

function parseTimestamp(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}

function canonicalQuery(url: string): string {
  const query = url.includes("?") ? url.slice(url.indexOf("?") + 1) : "";
  const pairs = query === "" ? [] : query.split("&").map((pair) => (pair.includes("=") ? pair : `${pair}=`));
  return pairs.toSorted().join("&");
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
