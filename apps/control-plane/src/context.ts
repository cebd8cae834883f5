import type { Entitlements, RuntimeProviderName, Scope, Tier } from "@whs/api";
import type { BlobStore } from "@whs/platform/blobs";
import { type AuditedWrite, createAuditedWrite, type Transaction } from "@whs/platform/db";
import type { Cursors } from "@whs/platform/http";
import type { Jobs } from "@whs/platform/jobs";
import type { Logger } from "@whs/platform/log";
import type { SecretStore } from "@whs/platform/secrets";
import type { RuntimeProvider } from "@whs/runtimes";
import type { Kysely } from "kysely";
import type { Config } from "./config.ts";
import type { Schema } from "./database.ts";
import type { BuildPlaces, BuildSandbox } from "./features/deployments/index.ts";
import type { Keys } from "./keys.ts";
import type { LongAnswers } from "./long-answers.ts";
import type { Metrics, Tracing } from "./observability/index.ts";

/** What the process has once, put together in `app.ts`. */
export interface Dependencies {
  config: Config;
  log: Logger;
  now: () => Date;
  /** For reading; writes go through `Context.write`. */
  db: Kysely<Schema>;
  jobs: Jobs;
  secrets: SecretStore;
  blobs: BlobStore;
  /** Where bundles are built. */
  buildSandbox: BuildSandbox;
  buildPlaces: BuildPlaces;
  providers: Readonly<Partial<Record<RuntimeProviderName, RuntimeProvider>>>;
  tiers: Readonly<Record<Tier, Entitlements>>;
  keys: Keys;
  cursors: Cursors;
  metrics: Metrics;
  /** Undefined while nobody receives spans. */
  tracing: Tracing | undefined;
  longAnswers: LongAnswers;
  /** Aborted when the process begins to stop: what would never end by itself ends then. */
  stopping: AbortSignal;
  /** Writes what this gateway has accepted, so that what is pending can be read. */
  publishSpent: () => Promise<void>;
  /** Makes every gateway forget what it knows of an agent, and waits until it has. */
  forgetRoute: (agentId: string) => Promise<void>;
  /** Makes every node forget the credentials of a user, and waits until it has. */
  forgetUser: (userId: string) => Promise<void>;
}

export interface SignedInUser {
  id: string;
  externalId: string;
  email: string | null;
  name: string | null;
  tier: Tier;
}

/** Who calls, by which credential. */
export interface Caller {
  user: SignedInUser;
  /**
   * `session` for a JWT of the issuer, `token` for an API token, `delegation` for a service that acts for the user, `agent` for one
   * of the user's own agents that calls another.
   */
  credential:
    | { kind: "session" }
    | { kind: "token"; tokenId: string; expiresAt: Date | null }
    | { kind: "delegation"; source: string }
    | { kind: "agent"; agentId: string };
  scopes: ReadonlySet<Scope>;
}

/** What every use case gets: `(context, input)`. Tenant scope comes from `user`, never from the input. */
export interface Context extends Dependencies, Caller {
  traceId: string;
  write: AuditedWrite<Schema>;
}

/** What a use case gets that no user stands behind: signed servers and jobs. */
export interface SystemContext extends Dependencies {
  traceId: string;
  /** Writes on behalf of `userId`, who may read the audit entry. */
  writeFor: (userId: string | null) => AuditedWrite<Schema>;
}

export const auditTable = "whs.audit_log";

export function userContext(dependencies: Dependencies, caller: Caller, traceId: string): Context {
  const context: Context = { ...dependencies, ...caller, traceId, write: undefined as never };
  context.write = auditedWriteOf(context);
  return context;
}

/** The same context, whose write stores its result in its own transaction. */
export function withCompletion(context: Context, complete: (transaction: Transaction<Schema>, result: unknown) => Promise<void>): Context {
  return { ...context, write: auditedWriteOf(context, complete) };
}

function auditedWriteOf(
  context: Context,
  beforeCommit?: (transaction: Transaction<Schema>, result: unknown) => Promise<void>,
): AuditedWrite<Schema> {
  return createAuditedWrite(
    { userId: context.user.id, actor: actorOf(context), traceId: context.traceId },
    { kysely: context.db, auditTable, ...(beforeCommit ? { beforeCommit } : {}) },
  );
}

function actorOf({ user, credential }: Caller): string {
  switch (credential.kind) {
    case "session":
      return `user:${user.id}`;
    case "token":
      return `token:${credential.tokenId}`;
    case "delegation":
      return `delegation:${credential.source}`;
    case "agent":
      return `agent:${credential.agentId}`;
  }
}

/** `actor` says which part of the system acts: `job:deploy`, `telemetry`. */
export function systemContext(dependencies: Dependencies, actor: string, traceId: string): SystemContext {
  return {
    ...dependencies,
    traceId,
    writeFor: (userId) => createAuditedWrite({ userId, actor, traceId }, { kysely: dependencies.db, auditTable }),
  };
}
