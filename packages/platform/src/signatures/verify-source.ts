import { randomBytes } from "node:crypto";
import type { SourceKeys } from "./source-keys.ts";
import { type SignatureFailure, verifySignature } from "./verify.ts";

/** Nobody has it: checking against it takes as long for sources that do not exist as for those that do. */
const nobodysKeys = [randomBytes(32)];

export interface SourceVerification {
  request: { headers: Readonly<Record<string, string | string[] | undefined>>; method: string; url: string };
  /** The bytes as they came, before any parsing. */
  rawBody: Buffer;
  keys: SourceKeys;
  requireV2: boolean;
  /** Epoch milliseconds. */
  now: number;
}

/** Checks who calls by `X-WHS-Delegation-Source`, `-Timestamp` and `-Signature`. Why it failed is for the log alone. */
export function verifySource(verification: SourceVerification): { source: string } | { reason: SignatureFailure | "source_unknown" } {
  const { request, rawBody, requireV2, now } = verification;
  const header = (name: string): string | undefined => {
    const value = request.headers[name];
    return typeof value === "string" ? value : undefined;
  };
  const source = header("x-whs-delegation-source") ?? "";
  const keys = verification.keys.get(source) ?? [];
  const result = verifySignature({
    header: header("x-whs-delegation-signature"),
    keys: keys.length > 0 ? keys : nobodysKeys,
    rawBody,
    v2: { timestamp: header("x-whs-delegation-timestamp"), source, method: request.method, path: request.url },
    requireV2,
    requireTimestamp: true,
    now,
  });
  if (result.ok) return { source };
  return { reason: keys.length > 0 ? result.reason : "source_unknown" };
}
