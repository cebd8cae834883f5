import type { Context } from "../../context.ts";
import { requireAgent } from "../agents/index.ts";
import { listSecretRefs } from "./store.ts";

/** Every declared key, set or not; never a value. */
export async function listSecrets(
  context: Context,
  input: { id: string },
): Promise<{ items: { key: string; isSet: boolean; updatedAt: string | null }[] }> {
  const agent = await requireAgent(context, input.id);
  const set = new Map((await listSecretRefs(context.db, input.id)).map((row) => [row.key, row.set_at]));
  return { items: agent.env_var_keys.map((key) => ({ key, isSet: set.has(key), updatedAt: set.get(key)?.toISOString() ?? null })) };
}
