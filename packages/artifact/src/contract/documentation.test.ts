import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FINDINGS } from "./finding-codes.ts";

const contract = readFileSync(new URL("../../../../docs/artifact-contract.md", import.meta.url), "utf8");

/** Cells of the rows of all tables that hold a code. */
const rows = contract
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
const codesIn = (cell: string | undefined): string[] =>
  [...(cell ?? "").matchAll(/\b(?:PAYLOAD|STACK|APPLY)_[A-Z_]+\b/g)].map(([code]) => code);
const ofContract = (name: string): string[] => Object.entries(FINDINGS).flatMap(([code, rule]) => (rule.contract === name ? [code] : []));

test("every rule stands in the table of its contract, in one column and once, and no rule that is gone does", () => {
  const ruled = rows.filter((cells) => codesIn(cells[0]).length + codesIn(cells[1]).length > 0);
  const payload = ruled.flatMap(([first]) => codesIn(first)).filter((code) => !code.startsWith("APPLY_"));
  const stack = ruled.flatMap(([, second]) => codesIn(second));
  const apply = ruled.flatMap(([first]) => codesIn(first)).filter((code) => code.startsWith("APPLY_"));
  expect(payload.toSorted()).toEqual(ofContract("payload").toSorted());
  expect(stack.toSorted()).toEqual(ofContract("runtime_stack").toSorted());
  expect(apply.toSorted()).toEqual(ofContract("apply").toSorted());
  expect(ruled.filter((cells) => codesIn(cells[0]).length > 0 && codesIn(cells[1]).length > 0)).toEqual([]);
});

test("the table marks exactly the warnings", () => {
  const marked = rows.flatMap((cells) => cells.slice(0, 2).filter((cell) => cell.includes("(warning)"))).flatMap(codesIn);
  const warnings = Object.entries(FINDINGS).flatMap(([code, { severity }]) => (severity === "warning" ? [code] : []));
  expect(marked.toSorted()).toEqual(warnings.toSorted());
});

test("no document names a finding that is gone", () => {
  for (const name of ["artifact-contract", "artifact-operations", "migration"]) {
    const text = readFileSync(new URL(`../../../../docs/${name}.md`, import.meta.url), "utf8");
    expect(codesIn(text).filter((code) => !Object.hasOwn(FINDINGS, code))).toEqual([]);
  }
});
