import { beforeEach, expect, it } from "vitest";
import { createLongAnswers, type LongAnswers } from "./long-answers.ts";

let disabled: Set<string>;
let asked: (readonly string[])[];
let errors: unknown[];
let clock: number;
let answers: LongAnswers;
let cut: string[];
beforeEach(() => {
  [disabled, asked, errors, clock, cut] = [new Set(), [], [], 0, []];
  answers = createLongAnswers({
    findDisabled: async (ids) => {
      asked.push(ids);
      return ids.filter((id) => disabled.has(id));
    },
    onError: (error) => void errors.push(error),
    nowMs: () => clock,
  });
});
const enter = (user: string, name: string) => answers.enter(user, () => void cut.push(name));

it("all answers of an account that is disabled are cut, and nobody else's", async () => {
  enter("a", "a1");
  enter("a", "a2");
  enter("b", "b1");
  disabled.add("a");
  await answers.recheck("b");
  expect(cut).toEqual([]);
  await answers.recheck("a");
  expect(cut).toEqual(["a1", "a2"]);
});

it("an answer that is over is not cut, and nothing is asked for users without any", async () => {
  enter("a", "a1")();
  disabled.add("a");
  await answers.recheck("a");
  await answers.recheckAll();
  expect([cut, asked]).toEqual([[], []]);
});

it("one that begins just after the change, on the strength of a credential from before, is cut too", async () => {
  disabled.add("a");
  await answers.recheck("a");
  enter("a", "late");
  await expect.poll(() => cut).toEqual(["late"]);
  clock = 6_000;
  enter("c", "c1");
  enter("a", "later");
  expect(asked).toEqual([["a"]]);
});

it("after changes were missed, all that are open are looked at", async () => {
  enter("a", "a1");
  enter("b", "b1");
  disabled.add("b");
  await answers.recheckAll();
  expect(cut).toEqual(["b1"]);
});

it("a failure to look up is reported and cuts nobody", async () => {
  const failing = createLongAnswers({ findDisabled: () => Promise.reject(new Error("down")), onError: (error) => void errors.push(error) });
  failing.enter("a", () => void cut.push("a1"));
  await failing.recheck("a");
  expect([cut, errors]).toEqual([[], [new Error("down")]]);
});
