import { unauthenticated } from "@whs/platform/errors";
import type { JwtIdentity, VerifyJwt } from "@whs/platform/identity";
import { newId } from "@whs/platform/ids";
import type { Kysely } from "kysely";
import type { SignedInUser } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { refuseDisabled } from "./authorise.ts";
import { findUserByExternalId, upsertUser, type UserRow } from "./store.ts";

/**
 * Finds who bears a token of the issuer. Roles are read each time, so that one taken away is gone at once.
 * @throws AppError `UNAUTHENTICATED`, or `UNAUTHORIZED` for a disabled account
 */
export type Authenticate = (authorization: string | undefined) => Promise<SignedInUser>;

export function createAuthenticate(options: { db: Kysely<Schema>; verifyJwt: VerifyJwt }): Authenticate {
  return async (authorization) => {
    const jwt = /^Bearer +([\x21-\x7e]{1,8192})$/i.exec(authorization ?? "")?.[1];
    if (jwt === undefined) throw unauthenticated("Sign in, and send the identity service's token as bearer.");
    const identity = await options.verifyJwt(jwt);
    const known = await findUserByExternalId(options.db, identity.subject);
    const row =
      known !== undefined && isCurrent(known, identity)
        ? known
        : await upsertUser(options.db, { id: newId("usr"), externalId: identity.subject, email: identity.email, name: identity.name });
    refuseDisabled(row);
    return { id: row.id, externalId: row.external_id, roles: new Set(row.roles) };
  };
}

function isCurrent(row: UserRow, identity: JwtIdentity): boolean {
  return (identity.email === null || row.email === identity.email) && (identity.name === null || row.name === identity.name);
}
