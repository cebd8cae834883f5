import type { SystemContext } from "../../context.ts";
import { findRecordedPlans } from "./store.ts";

/** Notes in the audit log which file of plans is in force, whenever it is another one than before. */
export async function recordPlans(context: SystemContext, sha256: string): Promise<void> {
  if ((await findRecordedPlans(context.db)) === sha256) return;
  await context.writeFor(null)({ action: "billing.plans_loaded", metadata: { sha256 } }, async () => undefined);
}
