import type { Scope } from "@whs/api";
import { scopes } from "@whs/api";
import { AppError, unauthenticated } from "@whs/platform/errors";
import type { VerifyJwt } from "@whs/platform/identity";
import { newId } from "@whs/platform/ids";
import type { Logger } from "@whs/platform/log";
import type { Kysely } from "kysely";
import { createHash } from "node:crypto";
import { routeLeaseMs } from "../../announcements.ts";
import { createBoundedCache } from "../../bounded-cache.ts";
import type { Caller, SignedInUser } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { findTokenWithOwner, findUserByExternalId, touchTokens, type UserRow, upsertUser } from "./store.ts";

export interface Authenticator {
  /** @throws AppError `UNAUTHENTICATED` or `UNAUTHORIZED` */
  authenticate(authorization: string | undefined): Promise<Caller>;
  /** Forgets what is known of a user's credentials; on every node through `channel`. */
  forgetUser(userId: string): void;
  forgetAll(): void;
  /** Writes when tokens were last used. */
  flush(): Promise<void>;
}

/** When tokens were last used is written this often. */
const touchEveryMs = 5_000;
const allScopes: ReadonlySet<Scope> = new Set(scopes);
export const refusedAccount = () => new AppError("UNAUTHORIZED", "This account is disabled. Ask the operator of this installation.");

interface Believed {
  caller: Caller;
  /** Epoch milliseconds after which the credential itself has expired. */
  expiresAt: number;
}

/**
 * Remembers credentials for the same short lease as routes, and only while announcements can be heard: whoever disables
 * an account waits for no longer than that.
 */
export function createAuthenticator(options: {
  db: Kysely<Schema>;
  verifyJwt: VerifyJwt;
  now: () => Date;
  log: Logger;
  hearsChanges: () => boolean;
}): Authenticator {
  const believed = createBoundedCache<Believed & { until: number }>({ maxEntries: 50_000, maxAgeMs: routeLeaseMs });
  /** Counts what was announced: what was read before an announcement is not remembered after it. */
  let announced = 0;
  const tokenUses = new Map<string, Date>();
  const writeUses = async (): Promise<void> => {
    if (tokenUses.size === 0) return;
    const uses = new Map(tokenUses);
    tokenUses.clear();
    await touchTokens(options.db, uses);
  };
  const timer = setInterval(
    () => void writeUses().catch((error: unknown) => options.log.warn({ err: error }, "Cannot write when tokens were last used")),
    touchEveryMs,
  );
  timer.unref();

  const lookUp = async (credential: string): Promise<Believed> => {
    const until = performance.now() + routeLeaseMs;
    const announcedBefore = announced;
    const found = credential.startsWith("whs_") ? await byToken(options.db, credential) : await byJwt(options, credential);
    if (found.expiresAt <= options.now().getTime()) throw unauthenticated("The credential has expired.");
    if (announced === announcedBefore) believed.set(credential, { ...found, until });
    return found;
  };

  return {
    async authenticate(authorization) {
      const credential = /^Bearer +([\x21-\x7e]{1,8192})$/i.exec(authorization ?? "")?.[1];
      if (credential === undefined) throw unauthenticated();
      const remembered = options.hearsChanges() ? believed.get(credential) : undefined;
      const isFresh = remembered !== undefined && remembered.until > performance.now() && remembered.expiresAt > options.now().getTime();
      const known = isFresh ? remembered : await lookUp(credential);
      if (known.caller.credential.kind === "token") tokenUses.set(known.caller.credential.tokenId, options.now());
      return known.caller;
    },
    forgetUser(userId) {
      announced += 1;
      believed.deleteWhere(({ caller }) => caller.user.id === userId);
    },
    forgetAll() {
      announced += 1;
      believed.clear();
    },
    async flush() {
      clearInterval(timer);
      await writeUses();
    },
  };
}

async function byToken(db: Kysely<Schema>, token: string): Promise<Believed> {
  const row = await findTokenWithOwner(db, hashToken(token));
  if (row === undefined || row.revoked_at !== null) throw unauthenticated("The API token is not valid.");
  if (row.disabled_at !== null) throw refusedAccount();
  const user: SignedInUser = { id: row.id, externalId: row.external_id, email: row.email, name: row.name, tier: row.subscription_tier };
  return {
    caller: { user, credential: { kind: "token", tokenId: row.token_id, expiresAt: row.expires_at }, scopes: new Set(row.scopes) },
    expiresAt: row.expires_at?.getTime() ?? Number.POSITIVE_INFINITY,
  };
}

async function byJwt({ db, verifyJwt }: { db: Kysely<Schema>; verifyJwt: VerifyJwt }, jwt: string): Promise<Believed> {
  const identity = await verifyJwt(jwt);
  const known = await findUserByExternalId(db, identity.subject);
  const row =
    known !== undefined && isCurrent(known, identity)
      ? known
      : await upsertUser(db, { id: newId("usr"), externalId: identity.subject, email: identity.email, name: identity.name });
  if (row.disabled_at !== null) throw refusedAccount();
  const user: SignedInUser = { id: row.id, externalId: row.external_id, email: row.email, name: row.name, tier: row.subscription_tier };
  return { caller: { user, credential: { kind: "session" }, scopes: allScopes }, expiresAt: identity.expiresAt };
}

function isCurrent(row: UserRow, identity: { email: string | null; name: string | null }): boolean {
  return (identity.email === null || row.email === identity.email) && (identity.name === null || row.name === identity.name);
}

export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
