/** What happens behind the statuses: images are fetched, versions go live, what is deleted stops first. */
import type { DatabaseSync } from "node:sqlite";
import type { Logger } from "@whs/platform/log";
import { AwsError } from "../http/aws-error.ts";
import { transaction } from "../state/database.ts";
import { DEFAULT_ENDPOINT, type EndpointRecord, type RuntimeRecord, type Status, type VersionRecord } from "./records.ts";
import type { RuntimeStore } from "./store.ts";
import type { Arns } from "../arn.ts";

export interface Images {
  /** Fetches an image for this platform and makes it ready to run. @returns its manifest's digest. @throws AwsError for the caller's eyes. */
  prepare(containerUri: string): Promise<string>;
  /** Removes what none of these images needs. */
  keepOnly(digests: ReadonlySet<string>): Promise<void>;
}

/** Ends sessions; `endpoint` undefined: of all endpoints. */
export type StopSessions = (runtimeId: string, endpoint: string | undefined) => Promise<void>;

export interface ProvisioningOptions {
  database: DatabaseSync;
  store: RuntimeStore;
  arns: Arns;
  images: Images;
  stopSessions: StopSessions;
  now: () => number;
  logger: Logger;
}

export class Provisioning {
  private readonly options: ProvisioningOptions;
  private readonly running = new Set<Promise<void>>();

  constructor(options: ProvisioningOptions) {
    this.options = options;
  }

  /** Goes on with what a killed process left unfinished. */
  resume(): void {
    const { store } = this.options;
    for (const runtime of store.allRuntimes()) {
      if (runtime.status === "DELETING") this.deleteRuntime(runtime.id);
      else if (runtime.status === "CREATING" || runtime.status === "UPDATING") this.provision(runtime.id, runtime.version);
      for (const endpoint of store.endpoints(runtime.id, "", Number.MAX_SAFE_INTEGER)) {
        if (endpoint.status === "DELETING") this.deleteEndpoint(runtime.id, endpoint.name);
        else if (endpoint.name !== DEFAULT_ENDPOINT && endpoint.status.endsWith("ING")) this.settleEndpoint(runtime.id, endpoint.name);
      }
    }
  }

  /** Until nothing is under way. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  /** Fetches a version's image; then the runtime and its default endpoint are ready, or have failed. */
  provision(runtimeId: string, version: number): void {
    this.start(async () => {
      const { store, images, logger } = this.options;
      const record = store.version(runtimeId, version);
      if (record === undefined) return;
      try {
        const image = await images.prepare(record.spec.agentRuntimeArtifact.containerConfiguration.containerUri);
        this.finish(runtimeId, { ...record, status: "READY", image });
      } catch (error) {
        if (!(error instanceof AwsError)) logger.error({ err: error, runtimeId, version }, "Cannot prepare a runtime's image");
        const reason = error instanceof AwsError ? error.message : "The service failed.";
        const failed: Status = record.status === "UPDATING" ? "UPDATE_FAILED" : "CREATE_FAILED";
        this.finish(runtimeId, { ...record, status: failed }, reason);
      }
    });
  }

  settleEndpoint(runtimeId: string, name: string): void {
    this.start(async () => {
      const { store, now } = this.options;
      const endpoint = store.endpoint(runtimeId, name);
      if (endpoint === undefined || endpoint.status === "DELETING") return;
      store.putEndpoint(runtimeId, { ...endpoint, status: "READY", liveVersion: endpoint.targetVersion, updatedAtMs: now() });
    });
  }

  deleteEndpoint(runtimeId: string, name: string): void {
    this.start(async () => {
      const { store, stopSessions, arns, database } = this.options;
      await stopSessions(runtimeId, name);
      transaction(database, () => {
        store.deleteEndpoint(runtimeId, name);
        store.deleteAllTags(arns.endpoint(runtimeId, name));
      });
    });
  }

  deleteRuntime(runtimeId: string): void {
    this.start(async () => {
      const { store, stopSessions, arns, database } = this.options;
      await stopSessions(runtimeId, undefined);
      transaction(database, () => {
        store.deleteRuntime(runtimeId);
        store.deleteAllTags(arns.runtime(runtimeId));
      });
      await this.collect();
    });
  }

  deleteVersion(runtimeId: string, version: number): void {
    this.start(async () => {
      this.options.store.deleteVersion(runtimeId, version);
      await this.collect();
    });
  }

  /** An image that is being fetched belongs to no version yet, so nothing is removed meanwhile. */
  private async collect(): Promise<void> {
    const { store, images } = this.options;
    if (store.allRuntimes().some(({ status }) => status === "CREATING" || status === "UPDATING")) return;
    await images.keepOnly(store.usedImages());
  }

  private finish(runtimeId: string, version: VersionRecord, failureReason?: string): void {
    const { store, database, now } = this.options;
    transaction(database, () => {
      const runtime = store.runtime(runtimeId);
      if (runtime === undefined || runtime.status === "DELETING") return;
      store.putVersion(runtimeId, version);
      const { failureReason: _before, ...rest } = runtime;
      const next: RuntimeRecord = { ...rest, status: version.status, updatedAtMs: now() };
      store.putRuntime(failureReason === undefined ? next : { ...next, failureReason });
      const endpoint = store.endpoint(runtimeId, DEFAULT_ENDPOINT);
      if (endpoint !== undefined) store.putEndpoint(runtimeId, followed(endpoint, version, failureReason, now()));
    });
  }

  private start(work: () => Promise<void>): void {
    // Not in the caller's turn, so that its answer shows the status before.
    const promise = new Promise((resolve) => setImmediate(resolve)).then(work).catch((error: unknown) => {
      this.options.logger.error({ err: error }, "Work on a runtime failed");
    });
    this.running.add(promise);
    void promise.finally(() => this.running.delete(promise));
  }
}

/** The default endpoint after a version's fate is known; one that serves an earlier version goes on doing that. */
function followed(endpoint: EndpointRecord, version: VersionRecord, failureReason: string | undefined, nowMs: number): EndpointRecord {
  const { failureReason: _before, ...rest } = endpoint;
  const base = { ...rest, targetVersion: version.version, updatedAtMs: nowMs };
  if (failureReason === undefined) return { ...base, status: "READY", liveVersion: version.version };
  return { ...base, status: version.status, failureReason };
}
