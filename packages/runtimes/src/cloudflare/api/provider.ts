/** Agents on Cloudflare's own network: Workers for Platforms, one script a deployment, behind our dispatch Worker. */
import {
  type DeployInput,
  type DeployOutput,
  type DeploymentRef,
  type DestroyInput,
  type InvokeInput,
  type InvokeOutput,
  type InvokeStreamEvent,
  type ProviderDescription,
  ProviderError,
  type RuntimeProvider,
  type SecretRefs,
  type SetSecretsInput,
  type TelemetryKeyRef,
  type UsageFigures,
} from "../../port.ts";
import { COMPATIBILITY_DATE } from "../cell/assemble.ts";
import { type CloudflarePrices, defaultCloudflarePrices, estimateCloudflareCost } from "../cost.ts";
import { publicLoadError } from "../load-error.ts";
import { CloudflareAccount } from "./account.ts";
import { agentScript, sessionsScript } from "./agent-script.ts";
import { DispatchClient, type DispatchClientOptions, type Inspection } from "./dispatch-client.ts";
import { agentScriptName, ownWorkerNames, sessionsScriptName } from "./names.ts";
import { type OwnWorkers, ownWorkers } from "./own-workers.ts";
import { REVISION_BINDING, SESSIONS_BINDING } from "./workers/env.ts";
import type { DeploymentRecord } from "./workers/registry.ts";

export interface CloudflareApiProviderOptions {
  accountId: string;
  apiToken: string;
  /** The dispatch namespace; names of our own Workers begin with it. */
  namespace: string;
  /** Another server that speaks Cloudflare's API. */
  baseUrl?: string | undefined;
  /** Where the dispatch Worker answers, when that is not its workers.dev address. */
  dispatchUrl?: string | undefined;
  sign: DispatchClientOptions["sign"];
  /** The value behind a reference of the secret store; it is sent on and not kept. @throws when there is none. */
  readSecret(reference: string): Promise<string>;
  prices?: CloudflarePrices;
  /** CPU time that Cloudflare gives one invocation. */
  agentCpuMs: number;
}

/** An uploaded script reaches Cloudflare's edge within seconds. */
const PROPAGATION_MS = 20_000;
const LOOK_EVERY_MS = 250;
/** How long what the API said of the namespace is believed. */
const BELIEVED_MS = 5 * 60_000;
const CAPABILITIES = ["streaming", "sessions", "secrets", "logs", "telemetry"];

export function createCloudflareApiProvider(options: CloudflareApiProviderOptions): RuntimeProvider {
  const account = new CloudflareAccount(options);
  const findUrl = async () => options.dispatchUrl ?? account.addressOfOwnScript(ownWorkerNames(options.namespace).dispatch);
  return new CloudflareApiProvider(account, new DispatchClient({ findUrl, sign: options.sign }), options);
}

class CloudflareApiProvider implements RuntimeProvider {
  readonly name = "cloudflare";
  readonly driver = "api";
  private readonly account: CloudflareAccount;
  private readonly dispatch: DispatchClient;
  private readonly options: CloudflareApiProviderOptions;
  /** Asked again after a while: everybody may ask what runs, and the API allows an account few requests. */
  private untrusted: { answer: Promise<boolean>; until: number } | null = null;
  /** Sessions' scripts that were seen to be there, in this version. */
  private readonly sessionScripts = new Set<string>();

  constructor(account: CloudflareAccount, dispatch: DispatchClient, options: CloudflareApiProviderOptions) {
    this.account = account;
    this.dispatch = dispatch;
    this.options = options;
  }

  /**
   * The registry knows of a deployment before its script exists, and forgets it after: whatever dies in between, deploying or
   * destroying again finds all there is.
   */
  async deploy(input: DeployInput): Promise<DeployOutput> {
    const { agentId, deploymentId, manifest } = input;
    if (manifest.runtime !== "cloudflare")
      throw new ProviderError("invalid", `The manifest is for ${manifest.runtime}, not for cloudflare.`, { reached: false });
    const known = await this.dispatch.findDeployment(agentId, deploymentId);
    const record = recordOf(input);
    if (known?.loaded === true) await this.deployAgain(known, record, input.secrets);
    else await this.deployAnew(record, input);
    return { providerRef: { cloudflare: { workerName: record.script, workerUrl: null }, agentcore: null } };
  }

  /** Nothing runs for a deployment that receives no requests, and one that does starts with its first. */
  async activate({ agentId, deploymentId }: DeploymentRef): Promise<void> {
    if ((await this.dispatch.findDeployment(agentId, deploymentId))?.loaded !== true) throw notDeployed();
  }

  async deactivate(): Promise<void> {}

  async setSecrets({ agentId, deploymentIds, secrets }: SetSecretsInput): Promise<{ redeployRequired: boolean }> {
    for (const deploymentId of deploymentIds) {
      const record = await this.dispatch.findDeployment(agentId, deploymentId);
      if (record !== null) await this.replaceSecrets(record, secrets);
    }
    return { redeployRequired: false };
  }

  async setTelemetryKey({ agentId, deploymentId, telemetry }: DeploymentRef & { telemetry: TelemetryKeyRef }): Promise<void> {
    const record = await this.dispatch.findDeployment(agentId, deploymentId);
    if (record === null) throw notDeployed();
    await this.dispatch.saveDeployment({ ...record, telemetry });
  }

  async destroy({ userId, agentId, deploymentId }: DestroyInput): Promise<void> {
    if (deploymentId !== undefined) return this.destroyDeployment({ userId, agentId, deploymentId });
    for (const record of await this.dispatch.listDeployments(agentId)) if (record.userId === userId) await this.destroyDeployment(record);
    const sessions = sessionsScriptName({ userId, agentId });
    this.sessionScripts.delete(sessions);
    await this.account.deleteAgentScript(sessions);
  }

  async destroySession(ref: { userId: string; agentId: string; providerSessionId: string }): Promise<void> {
    await this.dispatch.destroySession(sessionsScriptName(ref), ref.providerSessionId);
  }

  invoke(input: InvokeInput): Promise<InvokeOutput> {
    return this.dispatch.invoke(input);
  }

  invokeStream(input: InvokeInput): AsyncIterable<InvokeStreamEvent> {
    return this.dispatch.invokeStream(input);
  }

  async healthcheck(): Promise<{ healthy: boolean; detail: string }> {
    try {
      const [{ build }, own] = await Promise.all([this.dispatch.health(), ownWorkers()]);
      if (build === own.build) return { healthy: true, detail: `dispatch Worker ${build} answers` };
      return { healthy: true, detail: `dispatch Worker ${build} answers; this version has ${own.build}: run setup again` };
    } catch (error) {
      if (error instanceof ProviderError) return { healthy: false, detail: error.message };
      throw error;
    }
  }

  estimateCost(usage: UsageFigures): number {
    return estimateCloudflareCost(usage, this.options.prices ?? defaultCloudflarePrices);
  }

  async describe(): Promise<ProviderDescription> {
    const isUntrusted = await this.isUntrusted();
    const isCloudflare = this.options.baseUrl === undefined;
    return {
      driver: this.driver,
      // Cloudflare runs its latest runtime and tells no version; the date fixes how it behaves, as it does in workerd's versions.
      version: `1.${COMPATIBILITY_DATE.replaceAll("-", "")}.0`,
      compatibilityDate: COMPATIBILITY_DATE,
      isolation: [
        {
          layer: "cloudflare",
          active: isCloudflare,
          detail: isCloudflare
            ? "each script in an isolate of its own, in sandboxed processes on Cloudflare's network"
            : `a server that speaks Cloudflare's API at ${this.options.baseUrl}: all scripts share one process`,
        },
        {
          layer: "untrusted namespace",
          active: isUntrusted,
          detail: isUntrusted
            ? "scripts share no cache and do not see where a request came from"
            : "the dispatch namespace trusts its scripts: they share a cache",
        },
      ],
      capabilities: CAPABILITIES,
    };
  }

  close(): Promise<void> {
    return this.dispatch.close();
  }

  private isUntrusted(): Promise<boolean> {
    if (this.untrusted !== null && this.untrusted.until > Date.now()) return this.untrusted.answer;
    const answer = this.account.isUntrusted();
    this.untrusted = { answer, until: Date.now() + BELIEVED_MS };
    answer.catch(() => (this.untrusted = null));
    return answer;
  }

  private async deployAgain(known: DeploymentRecord, next: DeploymentRecord, secrets: SecretRefs): Promise<void> {
    if (known.userId !== next.userId || known.agentId !== next.agentId || known.checksum !== next.checksum)
      throw new ProviderError("invalid", "A deployment with this id and other content is here already.", { reached: false });
    const current = { ...known, telemetry: next.telemetry };
    await this.dispatch.saveDeployment(current);
    await this.replaceSecrets(current, secrets);
  }

  private async deployAnew(record: DeploymentRecord, input: DeployInput): Promise<void> {
    const workers = await ownWorkers();
    if (record.sessionful) await this.ensureSessionsScript(record, workers);
    const values = await this.readSecrets(input.secrets);
    const upload = agentScript(input, record, {
      workers,
      secrets: values,
      namespace: this.options.namespace,
      ...ownWorkerNames(this.options.namespace),
      cpuMs: this.options.agentCpuMs,
    });
    await this.dispatch.saveDeployment(record);
    try {
      await this.account.uploadAgentScript(record.script, upload);
      const inspected = await this.inspectOnceThere(record.script, () => true);
      if (inspected.state === "refused") throw new ProviderError("invalid", publicLoadError(inspected.message), { reached: false });
    } catch (error) {
      if (error instanceof ProviderError && error.kind === "invalid") {
        await this.destroyDeployment(record);
        throw withoutValues(error, Object.values(values));
      }
      throw error;
    }
    await this.dispatch.saveDeployment({ ...record, loaded: true });
  }

  private async ensureSessionsScript(record: DeploymentRecord, workers: OwnWorkers): Promise<void> {
    const name = sessionsScriptName(record);
    if (this.sessionScripts.has(name)) return;
    const found = await this.account.findAgentScript(name);
    const upload = sessionsScript(record, workers, { migrationTag: found?.script?.migration_tag });
    if (found?.script?.tags?.includes(`build-${workers.build}`) !== true) await this.account.uploadAgentScript(name, upload);
    this.sessionScripts.add(name);
  }

  /** The set is replaced at once, with the revision as one of its members, so that what runs can say which set it has. */
  private async replaceSecrets(record: DeploymentRecord, secrets: SecretRefs): Promise<void> {
    if (secrets.revision <= record.secretsRevision) return;
    const values = await this.readSecrets(secrets);
    const present = await this.account.secretNames(record.script);
    const gone = Object.fromEntries(present.filter((name) => !(name in values)).map((name) => [name, null]));
    await this.account.patchSecrets(record.script, { ...gone, ...values, [REVISION_BINDING]: String(secrets.revision) });
    await this.inspectOnceThere(record.script, (revision) => revision >= secrets.revision);
    await this.dispatch.saveDeployment({ ...record, secretsRevision: secrets.revision });
  }

  private async readSecrets({ refs }: SecretRefs): Promise<Record<string, string>> {
    for (const name of [REVISION_BINDING, SESSIONS_BINDING])
      if (name in refs)
        throw new ProviderError("invalid", `A secret cannot be named ${name}: that name is the platform's.`, { reached: false });
    const read = async ([name, reference]: [string, string]) => [name, await this.options.readSecret(reference)] as const;
    try {
      return Object.fromEntries(await Promise.all(Object.entries(refs).map(read)));
    } catch (cause) {
      throw new ProviderError("transient", "The deployment's secrets cannot be read now.", { reached: false, cause });
    }
  }

  /** @throws ProviderError `transient` when the script does not get there in time. */
  private async inspectOnceThere(
    script: string,
    isCurrent: (revision: number) => boolean,
  ): Promise<Exclude<Inspection, { state: "missing" }>> {
    const untilMs = Date.now() + PROPAGATION_MS;
    for (;;) {
      const inspected = await this.dispatch.inspect(script);
      if (inspected.state === "refused" || (inspected.state === "loaded" && isCurrent(inspected.revision))) return inspected;
      if (Date.now() > untilMs)
        throw new ProviderError("transient", "Cloudflare does not run the uploaded script yet.", { reached: false });
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  private async destroyDeployment({ userId, agentId, deploymentId }: DeploymentRef): Promise<void> {
    await this.account.deleteAgentScript(agentScriptName({ userId, deploymentId }));
    await this.dispatch.removeDeployment(agentId, deploymentId);
  }
}

function recordOf({ userId, agentId, deploymentId, version, manifest, bundle, secrets, telemetry }: DeployInput): DeploymentRecord {
  return {
    userId,
    agentId,
    deploymentId,
    version,
    sessionful: manifest.sessionful,
    checksum: bundle.checksum,
    script: agentScriptName({ userId, deploymentId }),
    secretsRevision: secrets.revision,
    telemetry: { rootKeyId: telemetry.rootKeyId, keyVersion: telemetry.keyVersion },
    loaded: false,
  };
}

/** A top level that throws a secret must not carry it into the deployment's message; nor may the raw answer. */
function withoutValues(error: ProviderError, values: readonly string[]): ProviderError {
  let { message } = error;
  for (const value of values.toSorted((a, b) => b.length - a.length))
    if (value.length >= 6) message = message.replaceAll(value, "[redacted]");
  return message === error.message ? error : new ProviderError(error.kind, message, { retryable: error.retryable, reached: error.reached });
}

function notDeployed(): ProviderError {
  return new ProviderError("not_found", "The deployment is not on Cloudflare.", { reached: false });
}
