import type { fleetprompt } from "@whs/api";
import { conflict, invalidRequest, notFound } from "@whs/platform/errors";
import type { Dependencies, SystemContext } from "../../context.ts";
import { type AccountRow, changeRoles as writeRoles, findAccount, findAccounts, setDisabled } from "./store.ts";

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

/** Gives and takes roles; what somebody has or has not already stays so. Every request after the answer counts with them. */
export async function changeRoles(
  context: SystemContext,
  input: Named & { grant?: ("publisher" | "admin")[] | undefined; revoke?: ("publisher" | "admin")[] | undefined },
): Promise<Answer> {
  const { grant = [], revoke = [] } = input;
  if (grant.length + revoke.length === 0) throw invalidRequest([{ fieldName: "grant", message: "or revoke must name a role" }]);
  const both = grant.find((role) => revoke.includes(role));
  if (both !== undefined) throw invalidRequest([{ fieldName: "revoke", message: `names ${both}, which grant names too` }]);
  const { id } = await find(context, input);
  return context.writeFor(id)({ action: "account.roles_changed", target: id, metadata: { grant, revoke } }, async (transaction) => {
    await writeRoles(transaction, id, grant, revoke);
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
