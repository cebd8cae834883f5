import type { fleetprompt } from "@whs/api";
import { conflict, notFound } from "@whs/platform/errors";
import type { Dependencies, SystemContext } from "../../context.ts";
import { type AccountRow, addRole, findAccount, findAccounts, removeRole, setDisabled } from "./store.ts";

type Answer = { user: fleetprompt.MarketplaceAccount };
interface Named {
  emailOrExternalId: string;
}

/** @throws AppError `NOT_FOUND`, or `CONFLICT` for an e-mail address that several accounts have */
async function find({ db }: Pick<Dependencies, "db">, { emailOrExternalId }: Named): Promise<AccountRow> {
  const [account, other] = await findAccounts(db, emailOrExternalId);
  if (account === undefined) throw notFound("User");
  if (other !== undefined)
    throw conflict("Several accounts have this e-mail address; name the one you mean by its external id.", {
      details: { hint: "ambiguousEmail" },
    });
  return account;
}

export async function getAccount(context: SystemContext, input: Named): Promise<Answer> {
  return { user: toAccount(await find(context, input)) };
}

/** Gives or takes a role; what somebody has or has not already stays so. Every request after the answer counts with it. */
export async function changeRole(context: SystemContext, input: Named & { role: "publisher" | "admin"; grant: boolean }): Promise<Answer> {
  const { role, grant } = input;
  const { id } = await find(context, input);
  return context.writeFor(id)({ action: "account.roles_changed", target: id, metadata: { role, grant } }, async (transaction) => {
    await (grant ? addRole : removeRole)(transaction, id, role);
    return { user: toAccount(await findAccount(transaction, id)) };
  });
}

export async function disableAccount(context: SystemContext, input: Named): Promise<Answer> {
  const { id } = await find(context, input);
  return context.writeFor(id)({ action: "account.disabled", target: id }, async (transaction) => {
    await setDisabled(transaction, id, context.now());
    return { user: toAccount(await findAccount(transaction, id)) };
  });
}

export async function enableAccount(context: SystemContext, input: Named): Promise<Answer> {
  const { id } = await find(context, input);
  return context.writeFor(id)({ action: "account.enabled", target: id }, async (transaction) => {
    await setDisabled(transaction, id, null);
    return { user: toAccount(await findAccount(transaction, id)) };
  });
}

function toAccount(row: AccountRow): fleetprompt.MarketplaceAccount {
  return {
    userId: row.id,
    externalId: row.external_id,
    email: row.email,
    name: row.name,
    roles: row.roles,
    publisherId: row.publisher_id,
    disabledAtMs: row.disabled_at?.getTime() ?? null,
    createdAtMs: row.created_at.getTime(),
  };
}
