import type { OperatorUser } from "@whs/api";
import type { SystemContext } from "../../context.ts";
import { findUser } from "./find-user.ts";
import { toOperatorUser } from "./present.ts";
import { disable, enable } from "./store.ts";

/** Refuses every credential of an account; every node knows before this answers. Disabling twice changes nothing. */
export async function disableUser(context: SystemContext, input: { emailOrExternalId: string }): Promise<{ user: OperatorUser }> {
  const { id } = await findUser(context, input.emailOrExternalId);
  const user = await context.writeFor(id)({ action: "account.disabled", target: id }, (transaction) =>
    disable(transaction, id, context.now()),
  );
  await context.forgetUser(id);
  return { user: toOperatorUser(user) };
}

export async function enableUser(context: SystemContext, input: { emailOrExternalId: string }): Promise<{ user: OperatorUser }> {
  const { id } = await findUser(context, input.emailOrExternalId);
  const user = await context.writeFor(id)({ action: "account.enabled", target: id }, (transaction) => enable(transaction, id));
  await context.forgetUser(id);
  return { user: toOperatorUser(user) };
}
