import type { ApiToken } from "@whs/api";
import { toPage } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { toApiToken } from "./present.ts";
import { listTokens as findTokens } from "./store.ts";

export async function listTokens(
  context: Context,
  input: { limit: number; cursor?: string | undefined },
): Promise<{ items: ApiToken[]; nextCursor: string | null }> {
  const after = input.cursor === undefined ? undefined : context.cursors.decode("tokens", input.cursor);
  const rows = await findTokens(context.db, context.user.id, input.limit, after);
  return toPage(rows, input.limit, toApiToken, (last) => context.cursors.encode("tokens", last.id));
}
