import { expect, test } from "vitest";
import type { RateLimits } from "../port.ts";

/** What every store of shared limits guarantees. `open` stands for one more process on the same store. */
export function testSharedLimits({ open, endWindows }: { open: () => Promise<RateLimits>; endWindows: () => Promise<void> }): void {
  const rule = { limit: 10, windowSeconds: 60 };

  test("exactly the limit is allowed, whatever many processes ask at once", async () => {
    const processes = await Promise.all([open(), open(), open(), open()]);
    const decisions = await Promise.all(
      processes.flatMap((limits) => Array.from({ length: 25 }, () => limits.consume("race", "one", rule))),
    );
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(10);
    expect(
      decisions
        .filter(({ allowed }) => allowed)
        .map(({ remaining }) => remaining)
        .toSorted((a, b) => a - b),
    ).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("a refusal says when to come back, and is known without asking again", async () => {
    const limits = await open();
    expect(limits.knownRefusal("told", "one", rule)).toBeUndefined();
    expect(await limits.consume("told", "one", rule, 10)).toMatchObject({ allowed: true, limit: 10, remaining: 0 });
    const refused = await limits.consume("told", "one", rule);
    expect(refused).toMatchObject({ allowed: false, limit: 10, remaining: 0 });
    expect(refused.resetSeconds).toBeGreaterThan(0);
    expect(refused.resetSeconds).toBeLessThanOrEqual(60);
    expect(limits.knownRefusal("told", "one", rule)).toMatchObject({ allowed: false, limit: 10 });
  });

  test("scopes and keys do not touch each other", async () => {
    const limits = await open();
    expect((await limits.consume("apart", "one", rule, 11)).allowed).toBe(false);
    expect((await limits.consume("apart", "another", rule)).allowed).toBe(true);
    expect((await limits.consume("elsewhere", "one", rule)).allowed).toBe(true);
  });

  test("points that are taken together come to the limit and no further", async () => {
    const [first, second] = [await open(), await open()];
    expect(await first.take("ahead", "one", rule, 4)).toMatchObject({ taken: 4, limit: 10, remaining: 6 });
    expect(await second.take("ahead", "one", rule, 8)).toMatchObject({ taken: 6, remaining: 0 });
    expect(await second.take("ahead", "one", rule, 1)).toMatchObject({ taken: 0 });
    expect(await first.take("ahead", "one", rule, 1)).toMatchObject({ taken: 0 });
  });

  test("a window that has ended is followed by a whole one", async () => {
    const used = await open();
    expect((await used.consume("again", "one", rule, 11)).allowed).toBe(false);
    await endWindows();
    const limits = await open();
    expect(await limits.consume("again", "one", rule)).toMatchObject({ allowed: true, remaining: 9 });
  });
}
