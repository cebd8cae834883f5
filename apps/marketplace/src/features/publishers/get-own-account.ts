import type { AnswerOf, fleetprompt } from "@whs/api";
import type { Context } from "../../context.ts";
import { toProfile } from "./present.ts";
import { findProfileOfUser } from "./store.ts";

export async function getOwnAccount({ db, user }: Context): Promise<AnswerOf<typeof fleetprompt.getOwnAccount>> {
  const profile = await findProfileOfUser(db, user.id);
  return {
    user: {
      userId: user.id,
      roles: [...user.roles],
      publisher: profile === undefined ? null : toProfile(profile, user.roles.has("publisher")),
    },
  };
}
