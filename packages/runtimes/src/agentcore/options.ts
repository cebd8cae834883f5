import type { AgentcorePrices } from "./cost.ts";
import type { Architecture } from "./image/image.ts";
import type { RegistryCredentials } from "./image/registry-auth.ts";

export interface AgentcoreProviderOptions {
  /** `local`: our own service behind `endpoint`. */
  driver: "aws" | "local";
  region: string;
  /** In place of Amazon's. */
  endpoint?: string;
  /** Without them the SDK looks where it always does: environment, profile, role of the machine. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
  /** What the containers may do in the account. */
  roleArn: string;
  network: { mode: "PUBLIC" } | { mode: "VPC"; subnets: readonly string[]; securityGroups: readonly string[] };
  /** Mounts the platform's storage for sessions, so that what they hold outlives their containers. */
  sessionStorage: boolean;
  /** Of a session, where an agent says nothing else. */
  lifecycle: { idleTimeoutSeconds: number; maxLifetimeSeconds: number };
  images: ImageOptions;
  prices: AgentcorePrices;

  /** A secret's value by its reference. */
  readSecret(reference: string): Promise<string>;
  /** Takes an event for metering; the trusted side signs it. Must not throw. */
  report(event: AgentcoreEvent): void;
  /** Takes what an agent wrote. Must not throw. */
  log(lines: readonly AgentcoreLine[]): void;
}

export interface ImageOptions {
  /** Origin of the registry's API. */
  registry: string;
  repository: string;
  credentials: () => Promise<RegistryCredentials | null>;
  architecture: Architecture;
  base:
    | { kind: "registry"; image: string; nodePath: string }
    /** `libraryRoot`: this system's root, or a folder with the libraries of another machine. */
    | { kind: "built"; nodeBinary: string; libraryRoot: string };
  cacheDirectory: string;
}

/** A telemetry event, ready to be signed: as the telemetry endpoint takes it. */
export interface AgentcoreEvent {
  eventId: string;
  userId: string;
  agentId: string;
  deploymentId: string;
  runtimeProvider: "agentcore";
  timestamp: string;
  requests: 1;
  llmTokens: number;
  tokensEstimated: boolean;
  computeMs: number;
  toolCalls: number;
  platformToolCalls: number;
  codeExecutionSeconds: number;
  browserSessions: number;
  errors: 0 | 1;
  errorClass: "runtime" | null;
  provider: { cloudflare: null; agentcore: { sessionDurationMs: number; toolInvocations: number; browserInteractions: number } };
  costUsdEstimated: number;
  traceId: string;
}

export interface AgentcoreLine {
  deploymentId: string;
  agentId: string;
  traceId?: string;
  at: string;
  level: "debug" | "info" | "warn" | "error";
  message: string;
}
