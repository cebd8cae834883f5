import { hkdfSync } from "node:crypto";
import { type HmacKey, requireUsableKey } from "./hmac-key.ts";

/** What cannot be part of a derivation. */
const DEPLOYMENT_ID = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * The telemetry key of a deployment: HKDF-SHA256 (RFC 5869) of the root key, empty salt,
 * info `telemetry/<deploymentId>/<version>`, 32 bytes. It is derived wherever it is needed and stored nowhere.
 * @param version starts at 1 and rises with each rotation.
 * @throws HmacKeyError for a short root key; RangeError for an id or version that a derivation cannot tell apart.
 */
export function deriveTelemetryKey(rootKey: HmacKey, deploymentId: string, version: number): Buffer {
  requireUsableKey(rootKey);
  if (!DEPLOYMENT_ID.test(deploymentId)) throw new RangeError("Cannot derive a telemetry key: the deployment id is not an id.");
  if (!Number.isSafeInteger(version) || version < 1)
    throw new RangeError(`Cannot derive a telemetry key: version ${version} is not a whole number from 1.`);
  return Buffer.from(hkdfSync("sha256", rootKey, Buffer.alloc(0), `telemetry/${deploymentId}/${version}`, 32));
}
