import { notFound } from "@whs/platform/errors";
import type { Context } from "../../context.ts";
import { lockAgent } from "../agents/index.ts";
import { pushSecretsJob } from "./push-secrets.ts";
import { pushNow } from "./set-secrets.ts";
import { deleteSecretRef, raiseSecretsRevision } from "./store.ts";

export async function deleteSecret(context: Context, input: { id: string; key: string }): Promise<{ redeployRequired: boolean }> {
  await context.write({ action: "secrets.deleted", target: input.id, metadata: { keys: [input.key] } }, async (transaction) => {
    if ((await lockAgent(transaction, context.user.id, input.id)) === undefined) throw notFound("Agent");
    const ref = await deleteSecretRef(transaction, input.id, input.key);
    if (ref === undefined) throw notFound("Secret");
    await raiseSecretsRevision(transaction, input.id);
    await context.jobs.send(transaction, pushSecretsJob, { agentId: input.id, replacedRefs: [ref] });
  });
  return pushNow(context, input.id);
}
