/** The part of Cloudflare's API that this driver uses, by the official SDK. Every method throws ProviderError. */
import Cloudflare, { NotFoundError } from "cloudflare";
import type { Script } from "cloudflare/resources/workers-for-platforms/dispatch/namespaces/scripts/scripts.js";
import type { ScriptListResponse } from "cloudflare/resources/workers/scripts/scripts.js";
import { providerError } from "./errors.ts";
import { type ScriptUpload, uploadForm } from "./upload.ts";

export interface AccountOptions {
  accountId: string;
  apiToken: string;
  namespace: string;
  /** Another server that speaks the same API; Cloudflare's own by default. */
  baseUrl?: string | undefined;
  /** Attempts after the first at what failed with 408, 409, 429, a status from 500 on, or without an answer. */
  maxRetries?: number;
}

/** An upload runs the module's top level and may have megabytes to carry. */
const TIMEOUT_MS = 60_000;
/** With waits that double from half a second to eight, or as long as `Retry-After` says. */
const MAX_RETRIES = 5;

export class CloudflareAccount {
  readonly namespace: string;
  private readonly accountId: string;
  private readonly client: Cloudflare;

  constructor({ accountId, apiToken, namespace, baseUrl, maxRetries = MAX_RETRIES }: AccountOptions) {
    this.namespace = namespace;
    this.accountId = accountId;
    // Every source of credentials is named: the SDK would look for the missing ones in the environment.
    this.client = new Cloudflare({
      apiToken,
      apiKey: null,
      apiEmail: null,
      userServiceKey: null,
      baseURL: baseUrl ?? "https://api.cloudflare.com/client/v4",
      maxRetries,
      timeout: TIMEOUT_MS,
      logLevel: "off",
    });
  }

  /** True when it was made just now. */
  async ensureNamespace(): Promise<boolean> {
    const { account_id, dispatch_namespace: name } = this.inNamespace;
    const { namespaces } = this.client.workersForPlatforms.dispatch;
    if ((await this.orMissing(namespaces.get(name, { account_id }))) !== null) return false;
    await this.call(namespaces.create({ account_id, name }));
    return true;
  }

  /** Whether tenants' scripts are kept apart as Cloudflare does for code that is not the account's own. */
  async isUntrusted(): Promise<boolean> {
    const { account_id, dispatch_namespace } = this.inNamespace;
    const found = await this.call(this.client.workersForPlatforms.dispatch.namespaces.get(dispatch_namespace, { account_id }));
    return found.trusted_workers !== true;
  }

  async uploadAgentScript(name: string, upload: ScriptUpload): Promise<void> {
    const path = `/accounts/${this.accountId}/workers/dispatch/namespaces/${this.namespace}/scripts/${name}`;
    await this.call(this.client.put(path, { body: uploadForm(upload) }));
  }

  /** Null when there is no such script. */
  async findAgentScript(name: string): Promise<Script | null> {
    return this.orMissing(this.client.workersForPlatforms.dispatch.namespaces.scripts.get(name, this.inNamespace));
  }

  /** With what its objects store. One that is gone already is fine. */
  async deleteAgentScript(name: string): Promise<void> {
    await this.orMissing(this.client.workersForPlatforms.dispatch.namespaces.scripts.delete(name, { ...this.inNamespace, force: true }));
  }

  async secretNames(script: string): Promise<string[]> {
    const names: string[] = [];
    try {
      for await (const { name } of this.client.workersForPlatforms.dispatch.namespaces.scripts.secrets.list(script, this.inNamespace))
        names.push(name);
    } catch (error) {
      throw providerError(error);
    }
    return names;
  }

  /** All at once: sets what has a value, deletes what is null. */
  async patchSecrets(script: string, values: Readonly<Record<string, string | null>>): Promise<void> {
    const secrets = Object.fromEntries(
      Object.entries(values).map(([name, text]) => [name, text === null ? null : { name, text, type: "secret_text" as const }]),
    );
    await this.call(
      this.client.workersForPlatforms.dispatch.namespaces.scripts.secrets.bulkUpdate(script, { ...this.inNamespace, secrets }),
    );
  }

  /** A Worker of our own, outside the namespace. */
  async uploadOwnScript(name: string, upload: ScriptUpload): Promise<void> {
    await this.call(this.client.put(`/accounts/${this.accountId}/workers/scripts/${name}`, { body: uploadForm(upload) }));
  }

  async findOwnScript(name: string): Promise<ScriptListResponse | null> {
    try {
      for await (const script of this.client.workers.scripts.list({ account_id: this.accountId })) if (script.id === name) return script;
    } catch (error) {
      throw providerError(error);
    }
    return null;
  }

  /** Gives a Worker of our own its address. */
  async publishOwnScript(name: string): Promise<void> {
    const params = { account_id: this.accountId, enabled: true, previews_enabled: false };
    await this.call(this.client.workers.scripts.subdomain.create(name, params));
  }

  /** Under the account's workers.dev subdomain. */
  async addressOfOwnScript(name: string): Promise<string> {
    const { subdomain } = await this.call(this.client.workers.subdomains.get({ account_id: this.accountId }));
    return `https://${name}.${subdomain}.workers.dev`;
  }

  private get inNamespace(): { account_id: string; dispatch_namespace: string } {
    return { account_id: this.accountId, dispatch_namespace: this.namespace };
  }

  private async call<T>(answer: PromiseLike<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw providerError(error);
    }
  }

  private async orMissing<T>(answer: PromiseLike<T>): Promise<T | null> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof NotFoundError) return null;
      throw providerError(error);
    }
  }
}
