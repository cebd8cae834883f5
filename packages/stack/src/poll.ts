import { setTimeout as delay } from "node:timers/promises";

/** How often conditions are looked at while waiting; short against the second that a person notices. */
const INTERVAL_MS = 20;

/** Waits until `condition` holds. @returns false when it still does not after `timeoutMs` */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() >= deadline) return false;
    await delay(INTERVAL_MS);
  }
  return true;
}
