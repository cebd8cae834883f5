import type { SystemContext } from "../../context.ts";
import { reclaimLeases } from "./store.ts";

/**
 * A gateway that is gone has no invocation running: its cells saw it go. Their events come within seconds; this long
 * after the lease's end all of them have.
 */
const graceSeconds = 45;
/** After a start of the control plane supervisors first send what they kept while it was away. */
const settleMs = 45_000;
const startedAt = performance.now();

/** Gives back what leases of lost gateways hold, unless events may still be on their way. */
export async function reclaimLostLeases(context: SystemContext): Promise<void> {
  if (performance.now() - startedAt < settleMs) return;
  for (const provider of Object.values(context.providers)) {
    const { healthy, detail } = await provider.healthcheck();
    if (!healthy) {
      context.log.warn({ detail }, "Leases of lost gateways stay spent while a runtime cannot be asked");
      return;
    }
  }
  const leases = await reclaimLeases(context.db, graceSeconds);
  if (leases > 0) context.log.info({ leases }, "Leases of lost gateways were given back");
}
