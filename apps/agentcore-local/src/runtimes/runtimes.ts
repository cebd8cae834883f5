/** Use cases of the control API for runtimes, their versions and endpoints. */
import { randomInt } from "node:crypto";
import type { z } from "zod";
import type { Arns } from "../arn.ts";
import { AwsError, invalid, notFound } from "../http/aws-error.ts";
import type { ClientTokens } from "../state/client-tokens.ts";
import type { Seal } from "../state/seal.ts";
import { presentEndpoint, presentRuntime, summarizeRuntime, time } from "./present.ts";
import type { Provisioning } from "./provisioning.ts";
import { DEFAULT_ENDPOINT, type EndpointRecord, type RuntimeRecord, type Status, type VersionRecord, type VersionSpec } from "./records.ts";
import type { createEndpointSchema, createRuntimeSchema, RuntimeInput, updateEndpointSchema } from "./schemas.ts";
import type { RuntimeStore } from "./store.ts";

export interface RuntimesOptions {
  store: RuntimeStore;
  arns: Arns;
  tokens: ClientTokens;
  seal: Seal;
  provisioning: Provisioning;
  quotas: { runtimes: number; endpoints: number };
  now: () => number;
}

export interface Page {
  maxResults: number;
  nextToken?: string | undefined;
}

/** As on AWS, where it cannot be raised without asking. */
const MAX_VERSIONS = 1000;
const ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 10;

export class Runtimes {
  private readonly options: RuntimesOptions;

  constructor(options: RuntimesOptions) {
    this.options = options;
  }

  create({ agentRuntimeName, tags, ...input }: z.output<typeof createRuntimeSchema>) {
    const { store, tokens, quotas, arns, provisioning, now } = this.options;
    const answer = tokens.once("CreateAgentRuntime", input.clientToken, { agentRuntimeName, tags, ...input }, () => {
      if (store.runtimeNamed(agentRuntimeName) !== undefined)
        throw new AwsError("ConflictException", `An agent runtime named ${agentRuntimeName} exists already.`);
      if (store.countRuntimes() >= quotas.runtimes)
        throw new AwsError("ServiceQuotaExceededException", `There may be at most ${quotas.runtimes} agent runtimes.`);
      const nowMs = now();
      const id = `${agentRuntimeName}-${newId()}`;
      const runtime: RuntimeRecord = { id, name: agentRuntimeName, status: "CREATING", version: 1, createdAtMs: nowMs, updatedAtMs: nowMs };
      store.putRuntime(runtime);
      store.putVersion(id, { version: 1, status: "CREATING", spec: this.specOf(input), createdAtMs: nowMs });
      store.putEndpoint(id, newEndpoint(DEFAULT_ENDPOINT, 1, undefined, nowMs));
      if (tags !== undefined) store.putTags(arns.runtime(id), tags);
      return { runtimeId: id, nowMs };
    });
    const { runtimeId, nowMs } = answer;
    // A repeated request finds the runtime further on.
    if (store.runtime(runtimeId)?.status === "CREATING") provisioning.provision(runtimeId, 1);
    return {
      agentRuntimeArn: arns.runtime(runtimeId),
      agentRuntimeId: runtimeId,
      agentRuntimeVersion: "1",
      createdAt: time(nowMs),
      status: "CREATING" satisfies Status,
      workloadIdentityDetails: { workloadIdentityArn: arns.workloadIdentity(runtimeId) },
    };
  }

  update(id: string, input: RuntimeInput) {
    const { store, tokens, arns, provisioning, now } = this.options;
    const answer = tokens.once("UpdateAgentRuntime", input.clientToken, { id, ...input }, () => {
      const runtime = this.changeable(id);
      if (runtime.version >= MAX_VERSIONS)
        throw new AwsError("ServiceQuotaExceededException", `An agent runtime may have at most ${MAX_VERSIONS} versions.`);
      const nowMs = now();
      const version = runtime.version + 1;
      const { failureReason: _before, ...rest } = runtime;
      store.putRuntime({ ...rest, version, status: "UPDATING", updatedAtMs: nowMs });
      store.putVersion(id, { version, status: "UPDATING", spec: this.specOf(input), createdAtMs: nowMs });
      return { version, createdAtMs: runtime.createdAtMs, nowMs };
    });
    const { version, createdAtMs, nowMs } = answer;
    if (store.version(id, version)?.status === "UPDATING") provisioning.provision(id, version);
    return {
      agentRuntimeArn: arns.runtime(id),
      agentRuntimeId: id,
      agentRuntimeVersion: String(version),
      createdAt: time(createdAtMs),
      lastUpdatedAt: time(nowMs),
      status: "UPDATING" satisfies Status,
      workloadIdentityDetails: { workloadIdentityArn: arns.workloadIdentity(id) },
    };
  }

  get(id: string, version: string | undefined) {
    const runtime = this.found(id);
    const record = this.foundVersion(runtime, version === undefined ? runtime.version : Number(version));
    return presentRuntime(this.options.arns, runtime, record, this.environmentOf(record.spec));
  }

  /** Deletes the runtime, or one version of it that nothing uses. */
  delete(id: string, version: string | undefined) {
    const { store, provisioning, now } = this.options;
    const runtime = this.found(id);
    if (version !== undefined) return this.deleteVersion(runtime, Number(version));
    if (runtime.status !== "DELETING") {
      store.putRuntime({ ...runtime, status: "DELETING", updatedAtMs: now() });
      provisioning.deleteRuntime(id);
    }
    return { status: "DELETING" satisfies Status, agentRuntimeId: id };
  }

  list({ maxResults, nextToken }: Page) {
    const { store, arns } = this.options;
    const { items, next } = page(store.runtimes(fromToken(nextToken), maxResults + 1), maxResults, ({ id }) => id);
    const agentRuntimes = items.map((runtime) => summarizeRuntime(arns, runtime, this.foundVersion(runtime, runtime.version)));
    return { agentRuntimes, nextToken: next };
  }

  listVersions(id: string, { maxResults, nextToken }: Page) {
    const { store, arns } = this.options;
    const runtime = this.found(id);
    const after = Number(fromToken(nextToken) || 0);
    const { items, next } = page(store.versions(id, after, maxResults + 1), maxResults, ({ version }) => String(version));
    return { agentRuntimes: items.map((version) => summarizeRuntime(arns, runtime, version)), nextToken: next };
  }

  createEndpoint(id: string, { name, agentRuntimeVersion, description, clientToken, tags }: z.output<typeof createEndpointSchema>) {
    const { store, tokens, quotas, arns, provisioning, now } = this.options;
    const request = { id, name, agentRuntimeVersion, description, tags };
    const created = tokens.once("CreateAgentRuntimeEndpoint", clientToken, request, () => {
      const runtime = this.changeable(id);
      if (store.endpoint(id, name) !== undefined) throw new AwsError("ConflictException", `An endpoint named ${name} exists already.`);
      if (store.countEndpoints(id) >= quotas.endpoints)
        throw new AwsError("ServiceQuotaExceededException", `An agent runtime may have at most ${quotas.endpoints} endpoints.`);
      const endpoint = newEndpoint(name, this.readyVersion(runtime, agentRuntimeVersion), description, now());
      store.putEndpoint(id, endpoint);
      if (tags !== undefined) store.putTags(arns.endpoint(id, name), tags);
      return endpoint;
    });
    provisioning.settleEndpoint(id, name);
    const { targetVersion, agentRuntimeEndpointArn, agentRuntimeArn, createdAt } = presentEndpoint(arns, id, created);
    const status: Status = "CREATING";
    return { targetVersion, agentRuntimeEndpointArn, agentRuntimeArn, status, createdAt, agentRuntimeId: id, endpointName: name };
  }

  updateEndpoint(id: string, name: string, { agentRuntimeVersion, description, clientToken }: z.output<typeof updateEndpointSchema>) {
    const { store, tokens, arns, provisioning, now } = this.options;
    if (name === DEFAULT_ENDPOINT) throw invalid("endpointName", "the endpoint DEFAULT follows the latest version by itself");
    const request = { id, name, agentRuntimeVersion, description };
    const updated = tokens.once("UpdateAgentRuntimeEndpoint", clientToken, request, () => {
      const runtime = this.changeable(id);
      const endpoint = this.foundEndpoint(id, name);
      if (endpoint.status === "DELETING") throw new AwsError("ConflictException", `The endpoint ${name} is being deleted.`);
      const next: EndpointRecord = {
        ...endpoint,
        ...(description === undefined ? {} : { description }),
        targetVersion: this.readyVersion(runtime, agentRuntimeVersion),
        status: "UPDATING",
        updatedAtMs: now(),
      };
      store.putEndpoint(id, next);
      return next;
    });
    provisioning.settleEndpoint(id, name);
    const { agentRuntimeEndpointArn, agentRuntimeArn, createdAt, lastUpdatedAt, liveVersion, targetVersion } = presentEndpoint(
      arns,
      id,
      updated,
    );
    const status: Status = "UPDATING";
    return { agentRuntimeEndpointArn, agentRuntimeArn, status, createdAt, lastUpdatedAt, liveVersion, targetVersion };
  }

  getEndpoint(id: string, name: string) {
    this.found(id);
    return presentEndpoint(this.options.arns, id, this.foundEndpoint(id, name));
  }

  deleteEndpoint(id: string, name: string) {
    const { store, provisioning, now } = this.options;
    if (name === DEFAULT_ENDPOINT) throw invalid("endpointName", "the endpoint DEFAULT is deleted with its runtime");
    this.found(id);
    const endpoint = this.foundEndpoint(id, name);
    if (endpoint.status !== "DELETING") {
      store.putEndpoint(id, { ...endpoint, status: "DELETING", updatedAtMs: now() });
      provisioning.deleteEndpoint(id, name);
    }
    return { status: "DELETING" satisfies Status, agentRuntimeId: id, endpointName: name };
  }

  listEndpoints(id: string, { maxResults, nextToken }: Page) {
    const { store, arns } = this.options;
    this.found(id);
    const { items, next } = page(store.endpoints(id, fromToken(nextToken), maxResults + 1), maxResults, ({ name }) => name);
    return { runtimeEndpoints: items.map((endpoint) => presentEndpoint(arns, id, endpoint)), nextToken: next };
  }

  tags(arn: string): Record<string, string> {
    this.taggable(arn);
    return this.options.store.tags(arn);
  }

  tag(arn: string, tags: Readonly<Record<string, string>>): void {
    this.taggable(arn);
    const all = { ...this.options.store.tags(arn), ...tags };
    if (Object.keys(all).length > 50) throw new AwsError("ServiceQuotaExceededException", "A resource may have at most 50 tags.");
    this.options.store.putTags(arn, tags);
  }

  untag(arn: string, keys: readonly string[]): void {
    this.taggable(arn);
    this.options.store.deleteTags(arn, keys);
  }

  /** The version that an endpoint serves, with its environment. @throws AwsError when there is none. */
  live(id: string, endpointName: string): { runtime: RuntimeRecord; version: VersionRecord; environment: Record<string, string> } {
    const runtime = this.found(id);
    const endpoint = this.foundEndpoint(id, endpointName);
    if (runtime.status === "DELETING" || endpoint.status === "DELETING") throw notFound(`Endpoint ${endpointName} of ${id}`);
    if (endpoint.liveVersion === undefined)
      throw new AwsError("ConflictException", `The endpoint ${endpointName} is not ready: it is ${endpoint.status}.`);
    const version = this.foundVersion(runtime, endpoint.liveVersion);
    return { runtime, version, environment: this.environmentOf(version.spec) };
  }

  private specOf({ clientToken: _token, environmentVariables, ...spec }: RuntimeInput): VersionSpec {
    return { ...spec, sealedEnvironment: this.options.seal.seal(JSON.stringify(environmentVariables ?? {})) };
  }

  private environmentOf({ sealedEnvironment }: VersionSpec): Record<string, string> {
    return JSON.parse(this.options.seal.open(sealedEnvironment)) as Record<string, string>;
  }

  private deleteVersion(runtime: RuntimeRecord, version: number) {
    const { store, provisioning } = this.options;
    this.foundVersion(runtime, version);
    const users = store.endpoints(runtime.id, "", Number.MAX_SAFE_INTEGER);
    if (version === runtime.version || users.some((endpoint) => endpoint.liveVersion === version || endpoint.targetVersion === version))
      throw new AwsError("ConflictException", `Version ${version} is the latest or has an endpoint.`);
    provisioning.deleteVersion(runtime.id, version);
    return { status: "DELETING" satisfies Status, agentRuntimeId: runtime.id, agentRuntimeVersion: String(version) };
  }

  private found(id: string): RuntimeRecord {
    const runtime = this.options.store.runtime(id);
    if (runtime === undefined) throw notFound(`Agent runtime ${id}`);
    return runtime;
  }

  private changeable(id: string): RuntimeRecord {
    const runtime = this.found(id);
    if (runtime.status === "CREATING" || runtime.status === "UPDATING" || runtime.status === "DELETING")
      throw new AwsError("ConflictException", `The agent runtime ${id} is ${runtime.status}.`);
    return runtime;
  }

  private foundVersion(runtime: RuntimeRecord, version: number): VersionRecord {
    const record = this.options.store.version(runtime.id, version);
    if (record === undefined) throw notFound(`Version ${version} of agent runtime ${runtime.id}`);
    return record;
  }

  private foundEndpoint(id: string, name: string): EndpointRecord {
    const endpoint = this.options.store.endpoint(id, name);
    if (endpoint === undefined) throw notFound(`Endpoint ${name} of agent runtime ${id}`);
    return endpoint;
  }

  private readyVersion(runtime: RuntimeRecord, wanted: string | undefined): number {
    const { version, status } = this.foundVersion(runtime, wanted === undefined ? runtime.version : Number(wanted));
    if (status !== "READY") throw new AwsError("ConflictException", `Version ${version} is ${status}.`);
    return version;
  }

  private taggable(arn: string): void {
    const { runtimeId, endpoint } = this.options.arns.parseRuntime(arn);
    this.found(runtimeId);
    if (endpoint !== undefined) this.foundEndpoint(runtimeId, endpoint);
  }
}

function newEndpoint(name: string, targetVersion: number, description: string | undefined, nowMs: number): EndpointRecord {
  const about = description === undefined ? {} : { description };
  return {
    id: name === DEFAULT_ENDPOINT ? name : `${name}-${newId()}`,
    name,
    ...about,
    status: "CREATING",
    targetVersion,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}

function newId(): string {
  return Array.from({ length: ID_LENGTH }, () => ID_ALPHABET[randomInt(ID_ALPHABET.length)]).join("");
}

/** `found` has one more than fits when there is a next page. */
function page<T>(found: readonly T[], size: number, keyOf: (item: T) => string): { items: readonly T[]; next: string | undefined } {
  const items = found.slice(0, size);
  const last = items.at(-1);
  const next = found.length > size && last !== undefined ? Buffer.from(keyOf(last)).toString("base64url") : undefined;
  return { items, next };
}

function fromToken(token: string | undefined): string {
  return token === undefined ? "" : Buffer.from(token, "base64url").toString("utf8");
}
