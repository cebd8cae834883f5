import { conflict, notFound } from "@whs/platform/errors";
import type { Dependencies } from "../../context.ts";
import { findUsers, type UserRow } from "./store.ts";

/** @throws AppError `NOT_FOUND`, or `CONFLICT` for an e-mail address that several accounts have */
export async function findUser({ db }: Pick<Dependencies, "db">, emailOrExternalId: string): Promise<UserRow> {
  const [user, other] = await findUsers(db, emailOrExternalId);
  if (user === undefined) throw notFound("User");
  if (other !== undefined)
    throw conflict("Several accounts have this e-mail address; name the one you mean by its external id.", {
      details: { reason: "ambiguousEmail" },
    });
  return user;
}
