import type { JsonRpcId } from "@whs/api";
import { createHash } from "node:crypto";

/** Who runs a call, and what its client calls it. Clients count from 0 each, so their session tells them apart. */
export interface CallName {
  userId: string;
  session: string;
  requestId: JsonRpcId;
}

/** Calls of this process that their clients can stop by another request. */
export interface RunningCalls {
  enter(name: CallName): { cancelled: AbortSignal; leave(): void };
  /** @param key of {@link callKey} */
  cancel(key: string): void;
}

export function createRunningCalls(): RunningCalls {
  const calls = new Map<string, Set<AbortController>>();
  return {
    enter(name) {
      const key = callKey(name);
      const controller = new AbortController();
      const same = calls.get(key) ?? new Set();
      calls.set(key, same.add(controller));
      return {
        cancelled: controller.signal,
        leave() {
          same.delete(controller);
          if (same.size === 0 && calls.get(key) === same) calls.delete(key);
        },
      };
    },
    cancel(key) {
      for (const controller of calls.get(key) ?? []) controller.abort();
    },
  };
}

/** One word, to tell other processes. */
export function callKey({ userId, session, requestId }: CallName): string {
  return createHash("sha256")
    .update(JSON.stringify([userId, session, requestId]))
    .digest("base64url");
}
