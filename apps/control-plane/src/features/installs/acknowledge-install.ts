import { defineJob } from "@whs/platform/jobs";
import { z } from "zod";
import type { Dependencies } from "../../context.ts";
import type { Marketplace } from "./marketplace.ts";
import { markAcknowledged } from "./store.ts";

export const acknowledgeInstallJob = defineJob({
  name: "install.acknowledge",
  data: z.object({ installIntentId: z.string(), agentId: z.string() }),
  retryLimit: 20,
  retryDelaySeconds: 2,
  timeoutSeconds: 30,
  concurrency: 2,
});

/** Tells the marketplace that the install is there. An intent that it has forgotten needs no word any more. */
export async function acknowledgeInstall(
  { db, log, now }: Pick<Dependencies, "db" | "log" | "now">,
  marketplace: Marketplace,
  { installIntentId, agentId }: { installIntentId: string; agentId: string },
): Promise<void> {
  const isKnown = await marketplace.acknowledge({ installIntentId, correlationId: agentId });
  if (!isKnown) log.warn({ installIntentId }, "The marketplace does not know the intent of an install (any more)");
  await markAcknowledged(db, installIntentId, now());
}
