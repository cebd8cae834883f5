import { conflict, invalidRequest, notFound } from "@whs/platform/errors";
import { variableProblems } from "@whs/runtimes/agentcore-limits";
import type { Context } from "../../context.ts";
import { lockAgent, requireAgent } from "../agents/index.ts";
import { pushSecrets, pushSecretsJob } from "./push-secrets.ts";
import { listSecretRefs, raiseSecretsRevision, upsertSecretRefs } from "./store.ts";

/**
 * Puts values into the secret store and their references into the database. The runtime has them when this answers;
 * should that fail, a job goes on until it has.
 */
export async function setSecrets(
  context: Context,
  input: { id: string; secrets: Readonly<Record<string, string>> },
): Promise<{ redeployRequired: boolean }> {
  const agent = await requireAgent(context, input.id);
  const fields = Object.entries(input.secrets).flatMap(([key, value]) => {
    if (!agent.env_var_keys.includes(key)) return [{ fieldName: `secrets.${key}`, message: "is not declared in the agent's envVarKeys" }];
    if (value.includes("\0") || !value.isWellFormed())
      return [{ fieldName: `secrets.${key}`, message: "must not contain NUL or half of a surrogate pair" }];
    return [];
  });
  if (agent.runtime_provider === "agentcore") fields.push(...(await agentcoreProblems(context, input)));
  if (fields.length > 0) throw invalidRequest(fields);

  const refs = new Map<string, string>();
  try {
    for (const [key, value] of Object.entries(input.secrets)) refs.set(key, await context.secrets.put(`agents/${input.id}/${key}`, value));
    await context.write({ action: "secrets.set", target: input.id, metadata: { keys: [...refs.keys()] } }, async (transaction) => {
      const locked = await lockAgent(transaction, context.user.id, input.id);
      if (locked === undefined) throw notFound("Agent");
      if ([...refs.keys()].some((key) => !locked.env_var_keys.includes(key)))
        throw conflict("The agent's envVarKeys changed meanwhile; set the secrets again.", { retryable: true });
      const replacedRefs = await upsertSecretRefs(transaction, { agentId: input.id, userId: context.user.id, refs });
      await raiseSecretsRevision(transaction, input.id);
      await context.jobs.send(transaction, pushSecretsJob, { agentId: input.id, replacedRefs });
    });
  } catch (error) {
    for (const ref of refs.values()) await context.secrets.delete(ref);
    throw error;
  }
  return pushNow(context, input.id);
}

/** What the runtime would refuse at the next deploy is refused now. */
async function agentcoreProblems(context: Context, input: { id: string; secrets: Readonly<Record<string, string>> }) {
  const others = (await listSecretRefs(context.db, input.id)).map(({ key }) => [key, ""] as const);
  const problems = variableProblems({ ...Object.fromEntries(others), ...input.secrets });
  return problems.map(({ key, message }) => ({ fieldName: `secrets.${key}`, message }));
}

/** The job has it in any case; doing it at once makes the next invocation see the change. */
export async function pushNow(context: Context, agentId: string): Promise<{ redeployRequired: boolean }> {
  try {
    return await pushSecrets(context, agentId);
  } catch (error) {
    context.log.warn(
      { err: error, agentId, traceId: context.traceId },
      "The runtime does not have the new secrets yet; a job will repeat this",
    );
    return { redeployRequired: false };
  }
}
