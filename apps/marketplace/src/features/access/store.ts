import type { Kysely } from "kysely";
import type { Row, Schema } from "../../database.ts";

export type UserRow = Row<"fleetprompt.users">;

export function findUserByExternalId(db: Kysely<Schema>, externalId: string): Promise<UserRow | undefined> {
  return db.selectFrom("fleetprompt.users").selectAll().where("external_id", "=", externalId).executeTakeFirst();
}

/** Creates the user at first sight and follows the issuer's e-mail address and name after that. */
export function upsertUser(
  db: Kysely<Schema>,
  user: { id: string; externalId: string; email: string | null; name: string | null },
): Promise<UserRow> {
  return db
    .insertInto("fleetprompt.users")
    .values({ id: user.id, external_id: user.externalId, email: user.email, name: user.name })
    .onConflict((conflict) =>
      conflict.column("external_id").doUpdateSet({
        email: (eb) => eb.fn.coalesce("excluded.email", "fleetprompt.users.email"),
        name: (eb) => eb.fn.coalesce("excluded.name", "fleetprompt.users.name"),
      }),
    )
    .returningAll()
    .executeTakeFirstOrThrow();
}
