import type { SecretStore } from "@whs/platform/secrets";
import { createHmac, randomBytes } from "node:crypto";

/** Keys of the installation, from the secret store; made at the first start. */
export interface Keys {
  cursor: Buffer;
  idempotency: Buffer;
  session: Buffer;
  /** Stored events of streams are encrypted with keys derived from it. */
  stream: Buffer;
  /** Of the private key that cards of agents are signed with. */
  card: Buffer;
  /** An API token is `whs_` and the HMAC of this key over its id, so that it can be shown again without being stored. */
  token: Buffer;
  /** Of the tokens by which runtimes bring calls of agents by agents. */
  call: Buffer;
  /** The supervisors sign with it what they send of logs. */
  dataPlane: Buffer;
  /** Telemetry root keys by id; the deployment names which one its key is derived from. */
  telemetryRoot(rootKeyId: string): Promise<Buffer>;
  currentTelemetryRootId: string;
}

const currentTelemetryRootId = "1";

export async function openKeys(secrets: SecretStore): Promise<Keys> {
  const ensure = async (path: string) => Buffer.from(await secrets.ensure(path, () => randomBytes(32).toString("hex")), "hex");
  const derive = (root: Buffer, purpose: string) => createHmac("sha256", root).update(purpose).digest();
  const root = await ensure("system/control-plane-root");
  const telemetryRoots = new Map<string, Promise<Buffer>>([
    [currentTelemetryRootId, ensure(`system/telemetry-root/${currentTelemetryRootId}`)],
  ]);
  await telemetryRoots.get(currentTelemetryRootId);
  return {
    cursor: derive(root, "cursor"),
    idempotency: derive(root, "idempotency"),
    session: derive(root, "session"),
    stream: derive(root, "stream"),
    card: derive(root, "card"),
    token: derive(root, "token"),
    call: derive(root, "call"),
    dataPlane: await ensure("system/data-plane-key"),
    currentTelemetryRootId,
    telemetryRoot(rootKeyId) {
      let key = telemetryRoots.get(rootKeyId);
      if (key === undefined) {
        key = secrets.getByPath(`system/telemetry-root/${rootKeyId}`).then((hex) => {
          if (hex === undefined) throw new Error(`Telemetry root key ${rootKeyId} is not in the secret store`);
          return Buffer.from(hex, "hex");
        });
        telemetryRoots.set(rootKeyId, key);
        key.catch(() => telemetryRoots.delete(rootKeyId));
      }
      return key;
    },
  };
}
