import { unauthenticated } from "@whs/platform/errors";
import type { VerifyJwt } from "@whs/platform/identity";
import { newId } from "@whs/platform/ids";
import type { Kysely } from "kysely";
import type { SignedInUser } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { refuseDisabled } from "./authorise.ts";
import type { TokenOwner, VerifyApiToken } from "./introspect.ts";
import { findUserByExternalId, upsertUser, type UserRow } from "./store.ts";

/**
 * Finds who bears a token of the issuer, or of WHS. Roles are read each time, so that one taken away is gone at once.
 * @throws AppError `UNAUTHENTICATED`, or `UNAUTHORIZED` for a disabled account
 */
export type Authenticate = (authorization: string | undefined) => Promise<SignedInUser>;

export function createAuthenticate(options: { db: Kysely<Schema>; verifyJwt: VerifyJwt; verifyApiToken: VerifyApiToken }): Authenticate {
  return async (authorization) => {
    const bearer = /^Bearer +([\x21-\x7e]{1,8192})$/i.exec(authorization ?? "")?.[1];
    if (bearer === undefined) throw unauthenticated("Sign in, and send the identity service's token, or an API token of WHS, as bearer.");
    const identity = await (bearer.startsWith("whs_") ? options.verifyApiToken(bearer) : options.verifyJwt(bearer));
    const known = await findUserByExternalId(options.db, identity.subject);
    const row =
      known !== undefined && isCurrent(known, identity)
        ? known
        : await upsertUser(options.db, { id: newId("usr"), externalId: identity.subject, email: identity.email, name: identity.name });
    refuseDisabled(row);
    return { id: row.id, externalId: row.external_id, roles: new Set(row.roles) };
  };
}

function isCurrent(row: UserRow, identity: TokenOwner): boolean {
  return (identity.email === null || row.email === identity.email) && (identity.name === null || row.name === identity.name);
}
