import fc from "fast-check";
import { expect, test } from "vitest";
import { rendezvous } from "./placement.ts";

const places = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 2, maxLength: 8 })
  .map((names) => names.map((name) => ({ name })));

test("the order does not depend on the order in which the places are given", () => {
  fc.assert(
    fc.property(places, fc.string(), (all, key) => {
      expect(rendezvous(all.toReversed(), key)).toEqual(rendezvous(all, key));
    }),
  );
});

test("when a place goes, only the keys that it was the best for move", () => {
  fc.assert(
    fc.property(places, fc.nat(), fc.string(), (all, index, key) => {
      const gone = all[index % all.length];
      const [before] = rendezvous(all, key);
      const [after] = rendezvous(
        all.filter((place) => place !== gone),
        key,
      );
      expect(after).toBe(before === gone ? rendezvous(all, key)[1] : before);
    }),
  );
});

test("keys are spread over the places", () => {
  const all = ["a", "b", "c", "d"].map((name) => ({ name }));
  const counts = new Map<string, number>();
  for (let key = 0; key < 4000; key += 1) {
    const name = rendezvous(all, `usr_${key}`)[0]?.name ?? "";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  for (const { name } of all) expect(counts.get(name)).toBeGreaterThan(800);
});
