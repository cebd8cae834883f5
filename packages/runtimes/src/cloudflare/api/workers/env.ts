import type { DurableObjectNamespace, Fetcher } from "cloudflare:workers";
import type { AgentRegistryStub } from "./registry.ts";

/** Bindings of the dispatch Worker. Telemetry roots come beside them as secrets named `TELEMETRY_ROOT_<id>`. */
export interface DispatchEnv {
  /** The tenants' scripts. */
  AGENTS: DispatchNamespace;
  REGISTRY: DurableObjectNamespace<AgentRegistryStub>;
  /** Where the control plane is reached, without a slash at the end. */
  API_URL: string;
  /** Hex of the key that the gateways sign with. */
  GATEWAY_KEY: string;
  /** The key before it, while it is being replaced. */
  GATEWAY_KEY_PREVIOUS?: string;
  SETTINGS: DispatchSettings;
}

export interface DispatchSettings {
  /** What this version of our own Workers is called. */
  build: string;
  prices: { perMillionRequests: number; perMillionComputeMs: number; perMillionTokens: number };
  /** CPU time of one invocation of an agent, enforced by Cloudflare. */
  agentCpuMs: number;
}

/** Bindings of the tail Worker. */
export interface TailEnv {
  API_URL: string;
  /** Hex of the key that data planes sign logs with. */
  DATA_PLANE_KEY: string;
  /** The dispatch namespace whose scripts are agents. */
  NAMESPACE: string;
}

export interface DispatchNamespace {
  get(script: string, args: Record<string, never>, options: { limits: { cpuMs: number } }): Fetcher;
}

/** Bindings beside an agent's own secrets; taken away before its code runs. */
export const SESSIONS_BINDING = "WHS_SESSIONS";
export const REVISION_BINDING = "WHS_REVISION";
export const CALLS_BINDING = "WHS_CALLS";

/** Entrypoint of the dispatch Worker that brings agents' calls of other agents to the control plane. */
export const CALLS_ENTRYPOINT = "AgentCalls";

/** Class of the sessions' script, and of the dispatch Worker. */
export const SESSION_OBJECT_CLASS = "Session";
export const REGISTRY_CLASS = "AgentRegistry";

/** Which set of secrets an isolate was started with; in the answer to an inspection. */
export const REVISION_HEADER = "x-whs-revision";
/** How long an invocation may take, for the lease on its session. */
export const TIMEOUT_HEADER = "x-whs-timeout";
