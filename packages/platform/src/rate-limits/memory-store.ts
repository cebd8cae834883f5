import type { RateStore } from "./port.ts";

const maxKeys = 100_000;

/** Windows of this process alone. Beyond 100,000 keys the oldest are forgotten. */
export function createMemoryStore(options: { nowMs?: () => number } = {}): RateStore {
  const nowMs = options.nowMs ?? (() => performance.now());
  const windows = new Map<string, { total: number; endsAt: number }>();
  return {
    async add(key, { windowSeconds }, points) {
      const now = nowMs();
      let window = windows.get(key);
      if (window === undefined || window.endsAt <= now) {
        window = { total: 0, endsAt: now + windowSeconds * 1000 };
        // Set anew, so that the map is in the order of beginnings.
        windows.delete(key);
        windows.set(key, window);
        const oldest = windows.keys().next();
        if (windows.size > maxKeys && !oldest.done) windows.delete(oldest.value);
      }
      window.total += points;
      return { total: window.total, resetMs: window.endsAt - now };
    },
    close: () => Promise.resolve(),
  };
}
