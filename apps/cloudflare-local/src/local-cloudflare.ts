/** Composition root: opens everything, in order, and closes it in the reverse order. */
import { join } from "node:path";
import { createDirectory } from "@whs/platform/durable-files";
import type { Logger } from "@whs/platform/log";
import { openSecretStore } from "@whs/platform/secrets";
import { createApi } from "./api/api.ts";
import type { LocalConfig } from "./config.ts";
import { listenControl } from "./runtime/control.ts";
import { listenFront } from "./runtime/front.ts";
import { Edge } from "./runtime/edge-process.ts";
import { ScriptStore } from "./scripts/store.ts";

export interface LocalCloudflare {
  /** What takes the place of `https://api.cloudflare.com/client/v4`. */
  apiUrl: string;
  /** Where Workers that were given an address answer; `<name>.localhost` at the same port tells several apart. */
  workersUrl: string;
  close(): Promise<void>;
}

export async function openLocalCloudflare(config: LocalConfig, log: Logger): Promise<LocalCloudflare> {
  await createDirectory(join(config.folder, "storage"));
  const secrets = await openSecretStore({ url: "local:", dataDir: config.folder, masterKeyFile: config.masterKeyFile, log });
  const store = await ScriptStore.open(config.folder, secrets);
  const control = await listenControl(join(config.folder, "control.sock"), store, log);
  const edge = await Edge.start({ folder: config.folder, log });
  const front = await listenFront({ host: config.host, port: config.workersPort, socketPath: edge.socketPath });
  const api = createApi({ ...config, store, edge, log });
  await api.listen({ host: config.host, port: config.port });
  const address = api.server.address();
  if (address === null || typeof address === "string") throw new Error("The API listens at no port.");
  return {
    apiUrl: `http://${config.host}:${address.port}/client/v4`,
    workersUrl: `http://${config.host}:${front.port}`,
    async close() {
      await api.close();
      await front.close();
      await edge.close();
      await control.close();
      await secrets.close();
    },
  };
}
