import { createIds } from "@whs/platform/ids";
import { createHash } from "node:crypto";

/**
 * The id of an event that has none: made of its deployment and trace, so that the same report counts once. Its time is
 * the beginning of the event's day, which is where it is filed.
 */
export function eventIdFor(deploymentId: string, traceId: string, timestamp: string): string {
  const digest = createHash("sha256").update(`${deploymentId}\0${traceId}`).digest();
  let used = 0;
  const ids = createIds({
    now: () => Date.parse(`${new Date(timestamp).toISOString().slice(0, 10)}T00:00:00Z`),
    fillRandom: (bytes) => {
      for (let index = 0; index < bytes.length; index++) bytes[index] = digest[used++ % digest.length] ?? 0;
    },
  });
  return ids.newId("evt");
}
