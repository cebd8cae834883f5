import type { BodyOf, fleetprompt } from "@whs/api";
import { newId } from "@whs/platform/ids";
import type { Context } from "../../context.ts";
import { requireRenderable } from "../../markdown/index.ts";
import { toProfile } from "./present.ts";
import { findProfileOfUser, grantPublisher, saveProfile as writeProfile } from "./store.ts";

/** Makes the user a publisher, unless the operator of the installation has to agree first. */
export async function saveProfile(
  context: Context,
  input: BodyOf<typeof fleetprompt.saveProfile>,
): Promise<{ publisher: fleetprompt.PublisherProfile }> {
  const { user, config } = context;
  if (input.bioMarkdown !== undefined) requireRenderable("bioMarkdown", input.bioMarkdown);
  const known = await findProfileOfUser(context.db, user.id);
  // Whom the operator has taken the role from does not get it back by saving again.
  const approved = user.roles.has("publisher") || (!config.publisherApproval && known === undefined);
  return context.write({ action: "account.publisher_saved", target: user.id, metadata: { approved } }, async (transaction) => {
    const row = await writeProfile(transaction, {
      id: newId("pub"),
      userId: user.id,
      displayName: input.displayName,
      bioMarkdown: input.bioMarkdown,
      at: context.now(),
    });
    if (approved) await grantPublisher(transaction, user.id);
    return { publisher: toProfile(row, approved) };
  });
}
