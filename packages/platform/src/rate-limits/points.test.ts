import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createRateLimits } from "./create.ts";
import { createMemoryStore } from "./memory-store.ts";
import { createPoints, type Points } from "./points.ts";
import type { RateStore } from "./port.ts";

/** Questions on their way to any store. */
let asking = 0;

interface Simulation {
  store: RateStore;
  /** How often the store was asked. */
  asked: () => number;
  /** One more process on the store. */
  process: () => Points;
}

/** A store on the test's clock, which answers when the event loop comes round to it. */
function simulate(): Simulation {
  let asked = 0;
  const memory = createMemoryStore();
  const store: RateStore = {
    async add(...args) {
      asked += 1;
      asking += 1;
      await new Promise((resolve) => setImmediate(resolve));
      asking -= 1;
      return memory.add(...args);
    },
    close: () => memory.close(),
  };
  return {
    store,
    asked: () => asked,
    process: () => createPoints({ limits: createRateLimits({ store, log: { warn: () => undefined } }), scope: "test" }),
  };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

/** Until nothing is asked any more: time on the test's clock goes by between answers, never while one is waited for. */
const settle = async (): Promise<void> => {
  for (let quietTurns = 0; quietTurns < 3; quietTurns = asking === 0 ? quietTurns + 1 : 0)
    await new Promise((resolve) => setImmediate(resolve));
};

async function spendAtOnce(points: Points, rule: { limit: number; windowSeconds: number }, times: number): Promise<number> {
  const decisions = await Promise.all(Array.from({ length: times }, () => points.spend("k", rule)));
  return decisions.filter(({ allowed }) => allowed).length;
}

describe("points taken ahead", () => {
  const rule = { limit: 20, windowSeconds: 1 };

  test("a process alone gets the whole limit of a window at once, and no more", async () => {
    for (const limit of [1, 2, 3, 10, 20, 333]) {
      const { process } = simulate();
      const points = process();
      for (let window = 0; window < 3; window++) {
        expect(await spendAtOnce(points, { limit, windowSeconds: 1 }, limit * 2)).toBe(limit);
        expect(await spendAtOnce(points, { limit, windowSeconds: 1 }, 3)).toBe(0);
        vi.advanceTimersByTime(1_000);
      }
    }
  });

  test("a process alone gets the whole limit one after the other, too", async () => {
    const { process } = simulate();
    const points = process();
    for (let window = 0; window < 3; window++) {
      let allowed = 0;
      for (let index = 0; index < 30; index++) if ((await points.spend("k", rule)).allowed) allowed += 1;
      expect(allowed).toBe(20);
      vi.advanceTimersByTime(1_000);
    }
  });

  test("the first point of a window does not wait for the store", async () => {
    const { store } = simulate();
    const never: RateStore = { ...store, add: () => new Promise(() => undefined) };
    const points = createPoints({ limits: createRateLimits({ store: never, log: { warn: () => undefined } }), scope: "test" });
    expect(await points.spend("k", rule)).toMatchObject({ allowed: true, limit: 20 });
    expect(await points.spend("k", rule)).toMatchObject({ allowed: true });
  });

  test("a process asks for many points at a time", async () => {
    const { process, asked } = simulate();
    const points = process();
    const large = { limit: 1_000, windowSeconds: 1 };
    for (let index = 0; index < 900; index++) {
      expect((await points.spend("k", large)).allowed).toBe(true);
      if (index % 10 === 0) await settle();
    }
    expect(asked()).toBeLessThan(30);
  });

  test("a refusal says what is left and when the window ends", async () => {
    const { process } = simulate();
    const points = process();
    const minute = { limit: 3, windowSeconds: 60 };
    expect(await spendAtOnce(points, minute, 3)).toBe(3);
    vi.advanceTimersByTime(15_000);
    expect(await points.spend("k", minute)).toEqual({ allowed: false, limit: 3, remaining: 0, resetSeconds: 45 });
  });

  test("keys do not touch each other", async () => {
    const { process } = simulate();
    const points = process();
    await spendAtOnce(points, rule, 30);
    expect((await points.spend("another", rule)).allowed).toBe(true);
  });

  test("what was on credit in a window that others had used up is owed to the next one", async () => {
    const { process } = simulate();
    const [first, second] = [process(), process()];
    expect(await spendAtOnce(first, rule, 40)).toBe(20);
    expect(await spendAtOnce(second, rule, 40)).toBe(2);
    await settle();
    vi.advanceTimersByTime(1_000);
    expect(await spendAtOnce(second, rule, 40)).toBe(18);
  });

  test("what is owed is paid by the next window though nobody uses it", async () => {
    const { process } = simulate();
    const [first, second] = [process(), process()];
    expect(await spendAtOnce(first, rule, 40)).toBe(20);
    expect(await spendAtOnce(second, rule, 40)).toBe(2);
    await settle();
    vi.advanceTimersByTime(1_000);
    await settle();
    vi.advanceTimersByTime(1_000);
    expect(await spendAtOnce(second, rule, 40)).toBe(20);
  });

  test("through any number of processes, windows never have more than their limits and a tenth for each process", async () => {
    const step = fc.record({
      process: fc.nat(4),
      times: fc.integer({ min: 1, max: 40 }),
      pauseMs: fc.constantFrom(0, 0, 0, 100, 400, 1_000, 2_500),
      settles: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { minLength: 1, maxLength: 40 }),
        async (limit, count, steps) => {
          const { process } = simulate();
          const processes = Array.from({ length: count }, process);
          const spendings: Promise<number>[] = [];
          let elapsedMs = 0;
          for (const { process: index, times, pauseMs, settles } of steps) {
            spendings.push(spendAtOnce(processes[index % count] as Points, { limit, windowSeconds: 1 }, times));
            if (settles || pauseMs > 0) await settle();
            vi.advanceTimersByTime(pauseMs);
            elapsedMs += pauseMs;
          }
          const allowed = (await Promise.all(spendings)).reduce((sum, spent) => sum + spent, 0);
          const windows = Math.floor(elapsedMs / 1_000) + 1;
          expect(allowed).toBeLessThanOrEqual(limit * windows + count * Math.max(1, Math.floor(limit / 10)));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
