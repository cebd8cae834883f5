import type { AgentCallOutcome } from "@whs/agent/runtime";
import type { AgentManifest } from "@whs/artifact";

/**
 * The one interface between the control plane and whatever runs customer code.
 * Every driver implements it and passes the same conformance suite.
 */
export interface RuntimeProvider {
  readonly name: RuntimeProviderName;
  /** Which implementation stands behind the provider, for `/v1/runtime/stack`. */
  readonly driver: string;

  /**
   * Makes a deployment able to serve, without routing anything to it. Loads the code once in the data plane
   * so that a module that cannot start is refused here. Idempotent by `deploymentId`.
   * @throws ProviderError `invalid` when the author has to change something; its message is public.
   */
  deploy(input: DeployInput): Promise<DeployOutput>;
  /** Tells the runtime that a deployment now receives traffic. Routing itself is the control plane's pointer. */
  activate(ref: DeploymentRef): Promise<void>;
  deactivate(ref: DeploymentRef): Promise<void>;
  /** Replaces all secrets of an agent's deployments; `redeployRequired` when the runtime cannot do so in place. */
  setSecrets(input: SetSecretsInput): Promise<{ redeployRequired: boolean }>;
  /** From now on the runtime signs with this version of the deployment's derived key. */
  setTelemetryKey(input: DeploymentRef & { telemetry: TelemetryKeyRef }): Promise<void>;
  /** Removes everything the provider holds for the agent, or for one deployment of it. Idempotent. */
  destroy(input: DestroyInput): Promise<void>;

  invoke(input: InvokeInput): Promise<InvokeOutput>;
  /** Yields in order: `delta`*, then exactly one `result`; throws ProviderError otherwise. */
  invokeStream(input: InvokeInput): AsyncIterable<InvokeStreamEvent>;
  /** Removes what the runtime keeps for a session. Idempotent. */
  destroySession(ref: { userId: string; agentId: string; providerSessionId: string }): Promise<void>;

  healthcheck(): Promise<{ healthy: boolean; detail: string }>;
  /** Pure, deterministic, monotonic; US dollars rounded to 1e-9. */
  estimateCost(usage: UsageFigures): number;
  describe(): Promise<ProviderDescription>;
  close(): Promise<void>;
}

export type RuntimeProviderName = "cloudflare" | "agentcore";

/** What every provider resource is tagged with. */
export interface DeploymentRef {
  userId: string;
  agentId: string;
  deploymentId: string;
}

export interface DeployInput extends DeploymentRef {
  version: number;
  manifest: AgentManifest;
  bundle: BuiltBundle;
  /** Author's provider settings: the agent's `providerConfig` merged under the manifest's. */
  compatibilityDate?: string;
  compatibilityFlags?: readonly string[];
  /** The agent's settings for AgentCore; the manifest's own win over them. */
  agentcore?: { region?: string; vCpu?: number; memoryMb?: number; idleTimeoutSeconds?: number; maxLifetimeSeconds?: number };
  /** Names and references into the secret store, never values. */
  secrets: SecretRefs;
  /** Capabilities the owner's tier allows; the provider refuses what is not in it. */
  entitlements: { agentcoreEnabled: boolean; codeInterpreterEnabled: boolean; browserEnabled: boolean };
  telemetry: TelemetryKeyRef;
}

/** Which key signs a deployment's telemetry; the key itself is derived from the root key and stored nowhere. */
export interface TelemetryKeyRef {
  rootKeyId: string;
  keyVersion: number;
}

/** A bundle after bundling: self-contained modules, nothing left to resolve but runtime built-ins. */
export interface BuiltBundle {
  /** Name of the entry in `modules`. */
  mainModule: string;
  modules: Readonly<Record<string, BundleModule>>;
  /** `sha256:…` of the uploaded archive. */
  checksum: string;
}
export type BundleModule =
  | { type: "esm"; text: string }
  | { type: "text"; text: string }
  | { type: "json"; text: string }
  /** Base64 of the bytes. */
  | { type: "wasm"; base64: string }
  | { type: "data"; base64: string };

export interface SecretRefs {
  /** Raised at every change, so that runtimes know which set they hold. */
  revision: number;
  refs: Readonly<Record<string, string>>;
}
export interface SetSecretsInput {
  userId: string;
  agentId: string;
  deploymentIds: readonly string[];
  secrets: SecretRefs;
}
export interface DestroyInput {
  userId: string;
  agentId: string;
  /** Absent: the whole agent, sessions included. */
  deploymentId?: string;
}
export interface DeployOutput {
  providerRef: {
    cloudflare: { workerName: string; workerUrl: string | null } | null;
    agentcore: { agentRuntimeArn: string; agentRuntimeId: string; region: string; qualifier: string } | null;
  };
  /** The image that was made for it, where the runtime takes images. */
  container?: { imageUri: string; imageDigest: string; buildId: string };
}

export interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
}
export interface InvokeInput extends DeploymentRef {
  /** The invocation's id, made by the gateway; the runtime's telemetry event bears it as `eventId`. */
  eventId: string;
  traceId: string;
  /** W3C trace context, passed on as it is. */
  traceparent?: string;
  messages: readonly Message[];
  options: InvokeOptions;
  /** Tools of the platform that the agent may use in this invocation; absent: none. */
  tools?: ToolGrant;
  /** How the agent calls others of its owner; absent: it cannot. */
  agents?: AgentCalls;
  /** Opaque to the provider's clients; absent on stateless agents. */
  providerSessionId?: string;
  /** Whether the caller goes on with a session: one that the runtime no longer has is then expired, not begun anew. */
  continuesSession?: boolean;
  /** What `deploy` answered, where the caller has it: spares the provider from looking it up. */
  providerRef?: DeployOutput["providerRef"];
  /** Aborting tells the runtime to stop. */
  signal: AbortSignal;
  timeoutMs: number;
}
/** The right of one invocation to call other agents, in two forms: a runtime uses the one that suits it. */
export interface AgentCalls {
  /** For parts of a runtime that ask the control plane themselves, until the invocation's time is over. Not for agent code. */
  token(): string;
  /** Carries a call out from here. The call may be anything; it is checked. `ended` ends what it began. Never throws. */
  carryOut(call: unknown, ended: AbortSignal): Promise<AgentCallOutcome>;
}
export interface ToolGrant {
  codeInterpreter: boolean;
  browser: boolean;
  /** What is left of the plan's budgets for this invocation. */
  left: { toolCalls: number; codeExecutionSeconds: number; browserSessions: number };
}
export interface InvokeOptions {
  maxSteps?: number;
  temperature?: number;
  toolPolicy?: { allow?: readonly string[]; deny?: readonly string[] };
}
export interface InvokeUsage {
  tokens: number;
  /** True when the agent reported no figure and characters were counted instead: `ceil(characters / 4)`. */
  tokensEstimated: boolean;
  computeMs: number;
  toolCalls: number;
}
export interface InvokeOutput {
  output: { text: string; messages?: readonly Message[] };
  usage: InvokeUsage;
  /** Whether the session holds anything after this call. A session that stores nothing leaves no row behind. */
  sessionStored: boolean;
}
export type InvokeStreamEvent = { type: "delta"; text: string } | { type: "result"; result: InvokeOutput };

export interface UsageFigures {
  requests: number;
  tokens: number;
  computeMs: number;
  /** Of the platform's tools, where the runtime has them. */
  tools?: { toolCalls: number; codeExecutionSeconds: number; browserSessions: number };
}
export interface ProviderDescription {
  driver: string;
  /** Version of what runs customer code: the stack's `runtime-node` component. */
  version: string;
  /** Version of the runtime's own process, where there is one; the data plane's is the stack's `agent` component. */
  supervisorVersion?: string;
  compatibilityDate?: string;
  region?: string;
  /** Which isolation layers are on, and which are missing and why. */
  isolation: readonly { layer: string; active: boolean; detail: string }[];
  capabilities: readonly string[];
}

export type ProviderErrorKind = "auth" | "not_found" | "invalid" | "capacity" | "transient" | "runtime" | "timeout" | "session";

/** The only error a provider throws. `message` is safe to show; the raw error is the private `cause`. */
export class ProviderError extends Error {
  readonly kind: ProviderErrorKind;
  readonly retryable: boolean;
  /** False when the runtime was certainly never reached, so that nothing is counted. */
  readonly reached: boolean;
  constructor(kind: ProviderErrorKind, message: string, options: { retryable?: boolean; reached?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "ProviderError";
    this.kind = kind;
    this.retryable = options.retryable ?? (kind === "capacity" || kind === "transient");
    this.reached = options.reached ?? true;
  }
}
