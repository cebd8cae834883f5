import { agentNameSchema } from "@whs/api";
import fc from "fast-check";
import { expect, test } from "vitest";
import { nameAfter } from "./insert-clone.ts";

test.each([
  ["Support Bot!", "Support-Bot"],
  ["  Crème brûlée  ", "Creme-brulee"],
  ["snake_case", "snake_case"],
  ["日本語", "agent"],
  ["ab", "agent-ab"],
  ["x".repeat(80), "x".repeat(60)],
])("a listing named %j becomes the agent %s", (listing, agent) => {
  expect(nameAfter(listing)).toBe(agent);
});

test("every listing's name becomes one that an agent can have, with room for a number", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 80, unit: "grapheme" }),
      (name) => agentNameSchema.safeParse(`${nameAfter(name)}-99`).success,
    ),
    {
      numRuns: 2000,
    },
  );
});
