/** HMAC signatures of all server-to-server calls: delegated invocations, telemetry, marketplace and webhooks. */
export { type HmacKey, HmacKeyError, MIN_KEY_BYTES, parseHmacKey } from "./hmac-key.ts";
export { SignatureContextError, signatureHeader, type SignedContext, type SignedRequest, signV1, signV2 } from "./sign.ts";
export { readSourceKeys, type SourceKeys } from "./source-keys.ts";
export { deriveTelemetryKey } from "./telemetry-key.ts";
export { DEFAULT_TOLERANCE_MS, type SignatureFailure, type Verification, type VerificationResult, verifySignature } from "./verify.ts";
export { verifySource } from "./verify-source.ts";
