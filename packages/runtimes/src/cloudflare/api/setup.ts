import { ProviderError } from "../../port.ts";
import { COMPATIBILITY_DATE } from "../cell/assemble.ts";
import { type CloudflarePrices, defaultCloudflarePrices } from "../cost.ts";
import { type AccountOptions, CloudflareAccount } from "./account.ts";
import { DispatchClient, type DispatchClientOptions } from "./dispatch-client.ts";
import { ownWorkerNames } from "./names.ts";
import { type OwnWorkers, ownWorkers } from "./own-workers.ts";
import { esModule, type OwnScriptMetadata } from "./upload.ts";
import { type DispatchSettings, REGISTRY_CLASS } from "./workers/env.ts";

export interface CloudflareSetupOptions extends AccountOptions {
  /** Where Cloudflare's network reaches the control plane. */
  controlPlaneUrl: string;
  /** Where the dispatch Worker will answer, when that is not its workers.dev address. */
  dispatchUrl?: string | undefined;
  sign: DispatchClientOptions["sign"];
  /** Hex. What `sign` signs with, and the key before it while it is being replaced. */
  gatewayKeys: readonly [string, string?];
  /** Hex by id: from these the dispatch Worker derives the keys that it signs telemetry with. */
  telemetryRoots: Readonly<Record<string, string>>;
  /** Hex: the tail Worker signs logs with it. */
  dataPlaneKey: string;
  prices?: CloudflarePrices;
  agentCpuMs: number;
}

export interface CloudflareSetup {
  namespace: string;
  /** False when it was there already. */
  namespaceCreated: boolean;
  dispatchWorker: string;
  dispatchUrl: string;
  tailWorker: string;
  /** Names the version of our Workers that runs now. */
  build: string;
}

const MIGRATION_TAG = "v1";
/** A new address under workers.dev takes a while to be known. */
const REACHABLE_MS = 60_000;
const LOOK_EVERY_MS = 500;
const OBSERVABILITY = { enabled: true, logs: { enabled: true, invocation_logs: false } };

/**
 * Makes the account ready for agents: namespace, tail Worker, dispatch Worker with its keys. May be repeated, and has to be
 * after an upgrade or the change of a key; agents go on serving meanwhile. @throws ProviderError
 */
export async function setUpCloudflare(options: CloudflareSetupOptions): Promise<CloudflareSetup> {
  const account = new CloudflareAccount(options);
  const workers = await ownWorkers();
  const names = ownWorkerNames(options.namespace);
  const namespaceCreated = await account.ensureNamespace();
  await account.uploadOwnScript(names.tail, { metadata: tailMetadata(options), modules: [esModule("tail.js", workers.tail)] });
  const migrationTag = (await account.findOwnScript(names.dispatch))?.migration_tag;
  await account.uploadOwnScript(names.dispatch, {
    metadata: dispatchMetadata(options, workers, migrationTag),
    modules: [esModule("dispatch.js", workers.dispatch)],
  });
  await account.publishOwnScript(names.dispatch);
  const dispatchUrl = options.dispatchUrl ?? (await account.addressOfOwnScript(names.dispatch));
  await untilItAnswers(dispatchUrl, options.sign, workers.build);
  const { namespace } = options;
  return { namespace, namespaceCreated, dispatchWorker: names.dispatch, dispatchUrl, tailWorker: names.tail, build: workers.build };
}

function dispatchMetadata(options: CloudflareSetupOptions, workers: OwnWorkers, migrationTag: string | undefined): OwnScriptMetadata {
  const { namespace, controlPlaneUrl, gatewayKeys, telemetryRoots, prices = defaultCloudflarePrices, agentCpuMs } = options;
  const [key, previous] = gatewayKeys;
  const settings: DispatchSettings = { build: workers.build, prices, agentCpuMs };
  return {
    main_module: "dispatch.js",
    compatibility_date: COMPATIBILITY_DATE,
    compatibility_flags: ["enable_request_signal", "request_signal_passthrough"],
    bindings: [
      { type: "dispatch_namespace", name: "AGENTS", namespace },
      { type: "durable_object_namespace", name: "REGISTRY", class_name: REGISTRY_CLASS },
      { type: "plain_text", name: "API_URL", text: withoutSlash(controlPlaneUrl) },
      { type: "json", name: "SETTINGS", json: settings },
      { type: "secret_text", name: "GATEWAY_KEY", text: key },
      ...(previous === undefined ? [] : [{ type: "secret_text" as const, name: "GATEWAY_KEY_PREVIOUS", text: previous }]),
      ...Object.entries(telemetryRoots).map(([id, text]) => ({ type: "secret_text" as const, name: `TELEMETRY_ROOT_${id}`, text })),
    ],
    ...(migrationTag === MIGRATION_TAG ? {} : { migrations: { new_tag: MIGRATION_TAG, new_sqlite_classes: [REGISTRY_CLASS] } }),
    observability: OBSERVABILITY,
    tags: ["whs", `build-${workers.build}`],
  };
}

function tailMetadata({ namespace, controlPlaneUrl, dataPlaneKey }: CloudflareSetupOptions): OwnScriptMetadata {
  return {
    main_module: "tail.js",
    compatibility_date: COMPATIBILITY_DATE,
    bindings: [
      { type: "plain_text", name: "API_URL", text: withoutSlash(controlPlaneUrl) },
      { type: "plain_text", name: "NAMESPACE", text: namespace },
      { type: "secret_text", name: "DATA_PLANE_KEY", text: dataPlaneKey },
    ],
    observability: OBSERVABILITY,
    tags: ["whs"],
  };
}

async function untilItAnswers(url: string, sign: DispatchClientOptions["sign"], build: string): Promise<void> {
  const client = new DispatchClient({ findUrl: async () => url, sign });
  const untilMs = Date.now() + REACHABLE_MS;
  try {
    for (;;) {
      const answer = await client.health().catch((error: unknown) => {
        if (error instanceof ProviderError && Date.now() < untilMs) return null;
        throw error;
      });
      if (answer?.build === build) return;
      if (Date.now() > untilMs)
        throw new ProviderError("transient", `The dispatch Worker at ${url} is still an older version.`, { reached: false });
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  } finally {
    await client.close();
  }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
