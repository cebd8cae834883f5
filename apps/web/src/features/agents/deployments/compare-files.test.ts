import { expect, test } from "vitest";
import { compareFiles, diffLines } from "./compare-files.server.ts";

const file = (path: string, sha256: string) => ({ path, sizeBytes: 1, sha256 });

test("files are added, removed, changed or the same, what changed first", () => {
  const before = [file("a", "1"), file("b", "1"), file("d", "1")];
  const after = [file("a", "1"), file("b", "2"), file("c", "1")];
  expect(compareFiles(before, after).map(({ path, change }) => `${path} ${change}`)).toEqual([
    "b changed",
    "c added",
    "d removed",
    "a same",
  ]);
});

test("a line that changed is shown as removed and added among the lines around it, and what lies between is left out", () => {
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`);
  const changed = lines.with(14, "another line");
  const shown = (diffLines(`${lines.join("\n")}\n`, `${changed.join("\n")}\n`) ?? []).map(({ kind, text }) => `${kind}: ${text}`);
  expect(shown).toEqual([
    "gap: Line 12",
    "same: line 12",
    "same: line 13",
    "same: line 14",
    "removed: line 15",
    "added: another line",
    "same: line 16",
    "same: line 17",
    "same: line 18",
  ]);
  expect(diffLines("x\n", "x\n")).toEqual([]);
  expect(diffLines("old", "new")?.map(({ kind }) => kind)).toEqual(["removed", "added"]);
  expect(diffLines("new\n", "new")?.map(({ kind }) => kind)).toEqual(["removed", "added", "gap"]);
});

test("texts that have next to nothing in common are not compared line by line", () => {
  const lines = (letter: string): string => Array.from({ length: 600 }, (_, index) => `${letter} ${index}\n`).join("");
  expect(diffLines(lines("a"), lines("b"))).toBeNull();
});
