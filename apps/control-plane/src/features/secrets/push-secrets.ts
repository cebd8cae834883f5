import { defineJob } from "@whs/platform/jobs";
import type { SecretRefs } from "@whs/runtimes";
import type { Kysely } from "kysely";
import { z } from "zod";
import type { Dependencies } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { secretsOfAgent } from "./store.ts";

/** Gives the runtime the agent's current secrets and then removes the values that they replaced. */
export const pushSecretsJob = defineJob({
  name: "secrets.push",
  data: z.object({ agentId: z.string(), replacedRefs: z.array(z.string()) }),
  retryLimit: 20,
  retryDelaySeconds: 1,
  timeoutSeconds: 60,
  concurrency: 4,
});

export async function pushSecrets(
  context: Pick<Dependencies, "db" | "providers">,
  agentId: string,
): Promise<{ redeployRequired: boolean }> {
  const { agent, refs, deploymentIds } = await secretsOfAgent(context.db, agentId);
  const provider = context.providers[agent.runtime_provider];
  if (provider === undefined || agent.deleted_at !== null || deploymentIds.length === 0)
    return { redeployRequired: agent.runtime_provider === "agentcore" };
  return provider.setSecrets({
    userId: agent.user_id,
    agentId,
    deploymentIds,
    secrets: { revision: agent.secrets_revision, refs: toRefs(refs) },
  });
}

/** What a deploy hands to the runtime: names and references, never values. */
export async function secretRefsFor(db: Kysely<Schema>, agentId: string): Promise<SecretRefs> {
  const { agent, refs } = await secretsOfAgent(db, agentId);
  return { revision: agent.secrets_revision, refs: toRefs(refs) };
}

function toRefs(rows: readonly { key: string; store_ref: string }[]): Record<string, string> {
  return Object.fromEntries(rows.map(({ key, store_ref }) => [key, store_ref]));
}

export async function runPushSecrets(
  context: Pick<Dependencies, "db" | "providers" | "secrets">,
  job: { agentId: string; replacedRefs: string[] },
): Promise<void> {
  await pushSecrets(context, job.agentId);
  for (const ref of job.replacedRefs) await context.secrets.delete(ref);
}
