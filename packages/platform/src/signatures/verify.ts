import { timingSafeEqual } from "node:crypto";
import { type HmacKey, HmacKeyError, requireUsableKey } from "./hmac-key.ts";
import { hmacOfBody, hmacOfRequest, invalidContextPart, type SignedContext } from "./sign.ts";

/** Five minutes either way, the default window of all server-to-server calls. */
export const DEFAULT_TOLERANCE_MS = 5 * 60 * 1000;

export interface Verification {
  /** The signature header as it came. */
  header: string | readonly string[] | undefined;
  /** The key, or both while one replaces the other. */
  keys: readonly HmacKey[];
  /** The bytes as they came, before any parsing. */
  rawBody: Uint8Array | string;
  /**
   * What a `v2` is checked against: the timestamp header's text and the request as the server sees it.
   * Leave `timestamp` undefined when the header is absent. Without it, or without a context, a `v2` cannot pass.
   */
  v2?: Omit<SignedContext, "timestamp"> & { timestamp: string | undefined };
  /** Refuses headers with only a `v1`. */
  requireV2?: boolean;
  /** Refuses requests without a timestamp, also when only a `v1` is sent. */
  requireTimestamp?: boolean;
  /** Epoch milliseconds. */
  now: number;
  /** How far the timestamp may lie behind and ahead of `now`. Default five minutes either way. */
  toleranceMs?: number | { past: number; future: number };
}

/** Why a signature did not pass: for metrics and audit only, never for the caller, who always gets the same answer. */
export type SignatureFailure =
  | "header_missing"
  | "header_malformed"
  | "v2_required"
  | "v2_context_missing"
  | "context_malformed"
  | "timestamp_missing"
  | "timestamp_malformed"
  | "timestamp_outside_window"
  | "mismatch";

export type VerificationResult =
  /** `keyIndex` says which of the keys matched, so that a rotation can tell when the old one is no longer used. */
  { ok: true; version: "v1" | "v2"; keyIndex: number } | { ok: false; reason: SignatureFailure };

interface HeaderSignatures {
  v1?: Buffer;
  v2?: Buffer;
}

/** `v1=` and 64 digits, a comma, an optional space, `v2=` and 64 digits. */
const MAX_HEADER_LENGTH = 136;
const HEADER = /^(v[12])=([0-9a-f]{64})(?:, ?(v[12])=([0-9a-f]{64}))?$/;

/**
 * Checks the signature of a request. Every version that the header carries must be right, under one and the same key.
 * @throws HmacKeyError for a set of keys that a start should have refused: none, more than two, or too short.
 */
export function verifySignature(verification: Verification): VerificationResult {
  const { keys, rawBody, v2: context } = verification;
  if (keys.length < 1 || keys.length > 2) throw new HmacKeyError(`A signature is checked with one or two keys, not ${keys.length}.`);
  for (const key of keys) requireUsableKey(key);

  const signatures = parseHeader(verification.header);
  if (typeof signatures === "string") return { ok: false, reason: signatures };
  const refusal = refuseByPolicy(verification, signatures);
  if (refusal !== undefined) return { ok: false, reason: refusal };

  let keyIndex = -1;
  keys.forEach((key, index) => {
    const v1Matches = signatures.v1 === undefined || timingSafeEqual(signatures.v1, hmacOfBody(key, rawBody));
    const v2Matches =
      signatures.v2 === undefined ||
      (context?.timestamp !== undefined &&
        timingSafeEqual(signatures.v2, hmacOfRequest(key, { ...context, timestamp: context.timestamp, body: rawBody })));
    // Every key is tried, so that the time taken does not tell which one is in use.
    if (v1Matches && v2Matches && keyIndex === -1) keyIndex = index;
  });
  if (keyIndex === -1) return { ok: false, reason: "mismatch" };
  return { ok: true, version: signatures.v2 === undefined ? "v1" : "v2", keyIndex };
}

function parseHeader(header: string | readonly string[] | undefined): HeaderSignatures | "header_missing" | "header_malformed" {
  if (header === undefined || header === "") return "header_missing";
  if (typeof header !== "string" || header.length > MAX_HEADER_LENGTH) return "header_malformed";
  const match = HEADER.exec(header);
  if (match === null || match[1] === match[3]) return "header_malformed";
  const signatures: HeaderSignatures = {};
  for (const [version, hex] of [match.slice(1, 3), match.slice(3, 5)]) {
    if (hex !== undefined) signatures[version === "v1" ? "v1" : "v2"] = Buffer.from(hex, "hex");
  }
  return signatures;
}

/** All that is refused before a single HMAC is computed. */
function refuseByPolicy(verification: Verification, signatures: HeaderSignatures): SignatureFailure | undefined {
  const { v2: context, requireV2 = false, requireTimestamp = false, now, toleranceMs = DEFAULT_TOLERANCE_MS } = verification;
  if (requireV2 && signatures.v2 === undefined) return "v2_required";
  if (signatures.v2 !== undefined && context === undefined) return "v2_context_missing";
  const timestamp = context?.timestamp;
  if (timestamp === undefined) return requireTimestamp || signatures.v2 !== undefined ? "timestamp_missing" : undefined;
  const invalid = invalidContextPart({
    source: "unused",
    method: "POST",
    path: "/",
    ...(signatures.v2 === undefined ? {} : context),
    timestamp,
  });
  if (invalid !== undefined) return invalid === "timestamp" ? "timestamp_malformed" : "context_malformed";
  const { past, future } = typeof toleranceMs === "number" ? { past: toleranceMs, future: toleranceMs } : toleranceMs;
  const ageMs = now - Number(timestamp);
  // Written so that a clock or tolerance that is not a number refuses.
  return ageMs <= past && -ageMs <= future ? undefined : "timestamp_outside_window";
}
