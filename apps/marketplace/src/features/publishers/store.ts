import type { Kysely, Transaction } from "kysely";
import type { Row, Schema } from "../../database.ts";

export type ProfileRow = Row<"fleetprompt.publisher_profiles">;

export function findProfileOfUser(db: Kysely<Schema>, userId: string): Promise<ProfileRow | undefined> {
  return db.selectFrom("fleetprompt.publisher_profiles").selectAll().where("user_id", "=", userId).executeTakeFirst();
}

export function findProfile(db: Kysely<Schema>, id: string): Promise<ProfileRow | undefined> {
  return db.selectFrom("fleetprompt.publisher_profiles").selectAll().where("id", "=", id).executeTakeFirst();
}

/** Creates the profile, or changes it; a bio that is not given stays. */
export function saveProfile(
  transaction: Transaction<Schema>,
  profile: { id: string; userId: string; displayName: string; bioMarkdown: string | undefined; at: Date },
): Promise<ProfileRow> {
  const { id, userId, displayName, bioMarkdown, at } = profile;
  return transaction
    .insertInto("fleetprompt.publisher_profiles")
    .values({ id, user_id: userId, display_name: displayName, bio_markdown: bioMarkdown ?? "", created_at: at, updated_at: at })
    .onConflict((conflict) =>
      conflict.column("user_id").doUpdateSet({
        display_name: displayName,
        ...(bioMarkdown === undefined ? {} : { bio_markdown: bioMarkdown }),
        updated_at: at,
      }),
    )
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function grantPublisher(transaction: Transaction<Schema>, userId: string): Promise<void> {
  await transaction
    .updateTable("fleetprompt.users")
    .set((eb) => ({ roles: eb.fn<("user" | "publisher" | "admin")[]>("array_append", ["roles", eb.val("publisher")]) }))
    .where("id", "=", userId)
    .where((eb) => eb.not(eb(eb.val("publisher"), "=", eb.fn.any("roles"))))
    .execute();
}
