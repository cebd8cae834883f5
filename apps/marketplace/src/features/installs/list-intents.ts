import type { fleetprompt, QueryOf } from "@whs/api";
import { toPage } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { ownedByBuyer } from "../access/index.ts";
import { toInstallIntent } from "./present.ts";
import { findIntent, listIntents as findIntents } from "./store.ts";

export async function listIntents(
  context: Context,
  input: QueryOf<typeof fleetprompt.listIntents>,
): Promise<{ items: fleetprompt.InstallIntent[]; nextCursor: string | null }> {
  const list = `intents/${input.status ?? ""}`;
  const after = input.cursor === undefined ? undefined : context.cursors.decode(list, input.cursor);
  const rows = await findIntents(context.db, context.user.id, { limit: input.limit, after, status: input.status });
  const now = context.now();
  return toPage(
    rows,
    input.limit,
    (row) => toInstallIntent(row, now),
    (last) => context.cursors.encode(list, last.id),
  );
}

export async function getIntent(context: Context, input: { id: string }): Promise<{ installIntent: fleetprompt.InstallIntent }> {
  const row = ownedByBuyer(context.user, await findIntent(context.db, input.id));
  return { installIntent: toInstallIntent(row, context.now()) };
}
