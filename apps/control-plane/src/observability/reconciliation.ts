import type { Logger } from "@whs/platform/log";
import { Gauge, type Registry } from "@whs/platform/metrics";
import type { FinishedPass } from "../database.ts";

/** The other metrics are worth most while the database does not answer. */
const patienceMs = 1_000;

/** Shows what the last reconciliation of usage has found, whichever process made it; looked up when metrics are read. */
export function observeReconciliation(registry: Registry, options: { read: () => Promise<FinishedPass | null>; log: Logger }): void {
  let reading: Promise<FinishedPass | null> | undefined;
  const look = (): Promise<FinishedPass | null> => (reading ??= inTime(options).finally(() => (reading = undefined)));
  const registers = [registry];
  const finished: Gauge = new Gauge({
    name: "whs_usage_reconciled_timestamp_seconds",
    help: "When counters were last compared with all events.",
    registers,
    collect: async () => show(await look(), (pass) => finished.set(Date.parse(pass.finishedAt) / 1000)),
  });
  const accounts: Gauge = new Gauge({
    name: "whs_usage_drifting_accounts",
    help: "Accounts whose counters are not what their events come to.",
    registers,
    collect: async () => show(await look(), (pass) => accounts.set(pass.drifting)),
  });
  const drift: Gauge<"resource"> = new Gauge({
    name: "whs_usage_drift",
    help: "How far counters are from the events, either way, all accounts together.",
    labelNames: ["resource"],
    registers,
    collect: async () =>
      show(await look(), (pass) => {
        drift.set({ resource: "requests" }, pass.drift.requests);
        drift.set({ resource: "tokens" }, pass.drift.tokens);
        drift.set({ resource: "compute_ms" }, pass.drift.computeMs);
      }),
  });
}

function show(pass: FinishedPass | null, set: (pass: FinishedPass) => void): void {
  if (pass !== null) set(pass);
}

/** Null when it cannot be read now: the figures stay as they were. */
async function inTime({ read, log }: { read: () => Promise<FinishedPass | null>; log: Logger }): Promise<FinishedPass | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => (timer = setTimeout(resolve, patienceMs, null)));
  try {
    return await Promise.race([read(), late]);
  } catch (error) {
    log.warn({ err: error }, "What the last reconciliation has found cannot be read");
    return null;
  } finally {
    clearTimeout(timer);
  }
}
