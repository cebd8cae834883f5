import type { SystemContext } from "../../context.ts";
import { deleteOldIntents, deleteOldTokens, expire, expireTokens } from "./store.ts";

const dayMs = 86_400_000;
/** After their expiry. */
const tokensKeptDays = 30;
const intentsKeptDays = 90;
const maxBatches = 100;

/** Marks intents and tokens whose time is over. */
export async function expireInstalls(context: Pick<SystemContext, "db" | "now" | "log">): Promise<void> {
  const now = context.now();
  await context.db.transaction().execute(async (transaction) => {
    const ids = await expire(transaction, now);
    await expireTokens(transaction, now);
    if (ids.length > 0) context.log.info({ intents: ids.length }, "Install intents have expired");
  });
}

/** Deletes tokens and intents that are kept no longer. */
export async function purgeInstalls(context: Pick<SystemContext, "db" | "now">): Promise<void> {
  const now = context.now().getTime();
  const purge = async (deleteSome: () => Promise<number>): Promise<void> => {
    for (let batch = 0; batch < maxBatches && (await deleteSome()) > 0; batch++);
  };
  await purge(() => deleteOldTokens(context.db, new Date(now - tokensKeptDays * dayMs)));
  await purge(() => deleteOldIntents(context.db, new Date(now - intentsKeptDays * dayMs)));
}
