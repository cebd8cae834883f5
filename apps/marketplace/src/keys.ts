import type { SecretStore } from "@whs/platform/secrets";
import { createHmac, randomBytes } from "node:crypto";

/** Keys of the marketplace, derived from one root key in the secret store, which is made at the first start. */
export interface Keys {
  cursor: Buffer;
  idempotency: Buffer;
  /** An install token is `fpi_` and the HMAC of this key over its id. */
  installToken: Buffer;
}

export async function openKeys(secrets: SecretStore): Promise<Keys> {
  const root = Buffer.from(await secrets.ensure("system/marketplace-root", () => randomBytes(32).toString("hex")), "hex");
  const derive = (purpose: string): Buffer => createHmac("sha256", root).update(purpose).digest();
  return { cursor: derive("cursor"), idempotency: derive("idempotency"), installToken: derive("install-token") };
}
