import type { Agent, AgentStatus, Deployment, DeploymentStatus, LogLine, RuntimeProviderName, Scope, Tier } from "@whs/api";
import type { AgentManifest } from "@whs/artifact";
import type { ColumnType, Selectable } from "kysely";
import type { DB as Tables } from "./database.gen.ts";

/** Where a deployment's telemetry key comes from; the key itself is derived and stored nowhere. */
export interface TelemetryAuthRef {
  rootKeyId: string;
  version: number;
  /** When the version was raised, RFC 3339; the version before is accepted for the overlap that follows. */
  rotatedAt: string | null;
}

/** JSON goes in as text and comes out parsed. */
type JsonColumn<T> = ColumnType<T, string, string>;
type WithDefault<T> = ColumnType<T, T | undefined, T>;
/** Everything that is summed of events. */
export interface UsageSums {
  requests: number;
  tokens: number;
  computeMs: number;
  errors: number;
  platformToolCalls: number;
  codeExecutionSeconds: number;
  browserSessions: number;
  costUsdEstimated: number;
}
export type UsageByRuntime = Partial<Record<RuntimeProviderName, UsageSums>>;

/** What a pass of the reconciliation over all accounts has found. Drift is how far counters are from the events, either way. */
export interface ReconciliationPass {
  startedAt: string;
  /** Events of days before this one were final when the pass began; `YYYY-MM-DD`. */
  sealedBefore: string;
  accounts: number;
  /** Accounts whose counters are not what their events come to. */
  drifting: number;
  drift: { requests: number; tokens: number; computeMs: number };
}
export interface FinishedPass extends ReconciliationPass {
  finishedAt: string;
}

type Refine<Table, Columns> = Omit<Table, keyof Columns> & Columns;

/** The generated tables, with the closed sets and JSON shapes that the database's checks guarantee. */
export type Schema = Refine<
  Tables,
  {
    "whs.users": Refine<
      Tables["whs.users"],
      { subscription_tier: WithDefault<Tier>; default_runtime_provider: WithDefault<RuntimeProviderName> }
    >;
    "whs.api_tokens": Refine<Tables["whs.api_tokens"], { scopes: Scope[] }>;
    "whs.audit_log": Refine<Tables["whs.audit_log"], { metadata: JsonColumn<Record<string, unknown>> }>;
    "whs.agents": Refine<
      Tables["whs.agents"],
      {
        status: WithDefault<AgentStatus>;
        runtime_provider: RuntimeProviderName;
        provider_config: JsonColumn<Agent["providerConfig"]>;
        sharing: WithDefault<Agent["sharing"]>;
      }
    >;
    "whs.deployments": Refine<
      Tables["whs.deployments"],
      {
        status: WithDefault<DeploymentStatus>;
        agent_status_before: "created" | "active" | "error";
        runtime_provider: RuntimeProviderName;
        artifact: JsonColumn<Deployment["artifact"]>;
        manifest: ColumnType<AgentManifest | null, string | null, string>;
        provider_ref: ColumnType<Deployment["providerRef"] | null, string | null, string>;
        telemetry_auth_ref: JsonColumn<TelemetryAuthRef>;
      }
    >;
    "whs.sessions": Refine<Tables["whs.sessions"], { runtime_provider: RuntimeProviderName }>;
    "whs.invocations": Refine<Tables["whs.invocations"], { runtime_provider: RuntimeProviderName }>;
    "whs.metrics_events": Refine<Tables["whs.metrics_events"], { runtime_provider: RuntimeProviderName }>;
    "whs.agent_log_lines": Refine<Tables["whs.agent_log_lines"], { level: LogLine["level"]; source: LogLine["source"] }>;
    "whs.usage_counters": Refine<Tables["whs.usage_counters"], { runtime_provider: RuntimeProviderName }>;
    "whs.usage_daily": Refine<Tables["whs.usage_daily"], { runtime_provider: RuntimeProviderName }>;
    "whs.usage_reconciliation": Refine<
      Tables["whs.usage_reconciliation"],
      {
        pass: ColumnType<ReconciliationPass | null, string | null, string | null>;
        last_pass: ColumnType<FinishedPass | null, string | null, string | null>;
      }
    >;
    "whs.billing_usage": Refine<Tables["whs.billing_usage"], { totals: JsonColumn<UsageSums>; by_runtime: JsonColumn<UsageByRuntime> }>;
    "whs.subscriptions": Refine<Tables["whs.subscriptions"], { provider: "lemonsqueezy" | "local"; tier: Tier }>;
    "whs.billing_events": Refine<Tables["whs.billing_events"], { outcome: "applied" | "stale" | "ignored" }>;
  }
>;

export type Row<Table extends keyof Schema> = Selectable<Schema[Table]>;
