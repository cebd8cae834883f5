/** The runtime `cloudflare`, whichever driver stands behind it. */
import type { SecretStore } from "@whs/platform/secrets";
import { signV2 } from "@whs/platform/signatures";
import { createWorkerdProvider, type RuntimeProvider } from "@whs/runtimes";
import type { CloudflareSetup } from "@whs/runtimes/cloudflare-api";
import { randomBytes } from "node:crypto";
import type { CloudflareAccountSettings } from "./cloudflare-settings.ts";
import type { Config } from "./config.ts";
import type { Keys } from "./keys.ts";

export interface CloudflareRuntime {
  provider: RuntimeProvider;
  /** Makes the account ready, or brings it up to date; undefined where agents run on nodes of one's own. @throws ProviderError */
  setUp: ((controlPlaneUrl: string) => Promise<CloudflareSetup>) | undefined;
}

const GATEWAY_KEY = "system/cloudflare-gateway-key";

export async function openCloudflareRuntime(
  { cloudflare, dataPlane }: Pick<Config, "cloudflare" | "dataPlane">,
  secrets: SecretStore,
  keys: Keys,
): Promise<CloudflareRuntime> {
  if (cloudflare.driver === "workerd") return { provider: createWorkerdProvider(dataPlane), setUp: undefined };
  return openAccount(cloudflare, secrets, keys);
}

/** The SDK is large, and loaded only here. */
async function openAccount(settings: CloudflareAccountSettings, secrets: SecretStore, keys: Keys): Promise<CloudflareRuntime> {
  const { createCloudflareApiProvider, setUpCloudflare } = await import("@whs/runtimes/cloudflare-api");
  const gatewayKey = await secrets.ensure(GATEWAY_KEY, () => randomBytes(32).toString("hex"));
  const key = Buffer.from(gatewayKey, "hex");
  const sign = (request: Parameters<typeof signV2>[1] & { body: string }): string => signV2(key, request);
  const readSecret = async (reference: string): Promise<string> => {
    const value = await secrets.get(reference);
    if (value === undefined) throw new Error("The secret store has nothing behind a reference.");
    return value;
  };
  const setUp = async (controlPlaneUrl: string): Promise<CloudflareSetup> => {
    const rootKeyId = keys.currentTelemetryRootId;
    const previous = await secrets.getByPath(`${GATEWAY_KEY}-previous`);
    return setUpCloudflare({
      ...settings,
      controlPlaneUrl,
      sign,
      gatewayKeys: previous === undefined ? [gatewayKey] : [gatewayKey, previous],
      telemetryRoots: { [rootKeyId]: (await keys.telemetryRoot(rootKeyId)).toString("hex") },
      dataPlaneKey: keys.dataPlane.toString("hex"),
    });
  };
  return { provider: createCloudflareApiProvider({ ...settings, sign, readSecret }), setUp };
}
