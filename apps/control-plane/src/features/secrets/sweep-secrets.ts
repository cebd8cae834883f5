import { defineJob } from "@whs/platform/jobs";
import { z } from "zod";
import type { Dependencies } from "../../context.ts";
import { readKnownRefs } from "./store.ts";

/** By the clock, and longer than others: it looks at every value that the store holds. */
export const sweepSecretsJob = defineJob({
  name: "secrets.sweep",
  data: z.object({}) as z.ZodType<Record<string, never>>,
  retryLimit: 2,
  retryDelaySeconds: 60,
  timeoutSeconds: 900,
  concurrency: 1,
});

/** No transaction takes so long: a value that is older and that no row refers to never will be referred to. */
const orphanAgeMs = 24 * 3_600_000;

/**
 * Deletes values that were stored for a change which then came to nothing, because its process died.
 * @returns how many there were.
 */
export async function sweepSecrets(context: Pick<Dependencies, "db" | "secrets" | "now" | "log">): Promise<number> {
  // The time first: what is stored while references are read is younger.
  const olderThan = new Date(context.now().getTime() - orphanAgeMs);
  const swept = await context.secrets.sweep(await readKnownRefs(context.db), olderThan);
  if (swept > 0) context.log.info({ swept }, "Deleted secret values that nothing refers to");
  return swept;
}
