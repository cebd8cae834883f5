import type { fleetprompt } from "@whs/api";
import type { BlobStore } from "@whs/platform/blobs";
import { type AuditedWrite, createAuditedWrite, type Transaction } from "@whs/platform/db";
import type { Cursors } from "@whs/platform/http";
import type { Logger } from "@whs/platform/log";
import type { Kysely } from "kysely";
import type { Config } from "./config.ts";
import type { Schema } from "./database.ts";
import type { ViewCounter } from "./features/stats/index.ts";
import type { Keys } from "./keys.ts";

/** What the process has once, put together in `app.ts`. */
export interface Dependencies {
  config: Config;
  log: Logger;
  now: () => Date;
  /** For reading; writes go through `Context.write`. */
  db: Kysely<Schema>;
  keys: Keys;
  cursors: Cursors;
  blobs: BlobStore;
  views: ViewCounter;
}

export interface SignedInUser {
  id: string;
  externalId: string;
  roles: ReadonlySet<fleetprompt.Role>;
}

/** What use cases get that nobody need be signed in for. */
export interface PublicContext extends Dependencies {
  requestId: string;
}

/** What use cases of a signed-in user get. Scope comes from `user`, never from the input. */
export interface Context extends PublicContext {
  user: SignedInUser;
  write: AuditedWrite<Schema>;
}

/** What use cases get that no user stands behind: signed servers, the operator and jobs. */
export interface SystemContext extends PublicContext {
  /** Writes on behalf of `userId`; `complete` runs in the same transaction with the result. */
  writeFor: (
    userId: string | null,
    actor?: string,
    complete?: (transaction: Transaction<Schema>, result: unknown) => Promise<void>,
  ) => AuditedWrite<Schema>;
}

export const auditTable = "fleetprompt.audit_log";
export const idempotencyTable = "fleetprompt.idempotency_keys";

export function userContext(dependencies: Dependencies, user: SignedInUser, requestId: string): Context {
  const context: Context = { ...dependencies, user, requestId, write: undefined as never };
  context.write = auditedWriteOf(context);
  return context;
}

/** The same context, whose write stores its result in its own transaction. */
export function withCompletion(context: Context, complete: (transaction: Transaction<Schema>, result: unknown) => Promise<void>): Context {
  return { ...context, write: auditedWriteOf(context, complete) };
}

function auditedWriteOf(
  { user, requestId, db }: Context,
  beforeCommit?: (transaction: Transaction<Schema>, result: unknown) => Promise<void>,
): AuditedWrite<Schema> {
  return createAuditedWrite(
    { userId: user.id, actor: `user:${user.id}`, traceId: requestId },
    { kysely: db, auditTable, ...(beforeCommit ? { beforeCommit } : {}) },
  );
}

/** `actor` says which part of the system acts: `operator`, `job:expire`. */
export function systemContext(dependencies: Dependencies, defaultActor: string, requestId: string): SystemContext {
  return {
    ...dependencies,
    requestId,
    writeFor: (userId, actor = defaultActor, complete) =>
      createAuditedWrite(
        { userId, actor, traceId: requestId },
        { kysely: dependencies.db, auditTable, ...(complete ? { beforeCommit: complete } : {}) },
      ),
  };
}
