import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createDirectory, isSystemError, moveIntoFreePlace, moveIntoPlace, removeDurably, sweepFiles, writeTemporary } from "./index.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "whs-files-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

test("a directory is made with all above it, private, and made again without harm", async () => {
  const path = join(directory, "a", "b", "c");
  await createDirectory(path);
  await createDirectory(path);
  expect(((await stat(join(directory, "a"))).mode & 0o777).toString(8)).toBe("700");
  expect((await stat(path)).isDirectory()).toBe(true);
});

test("a file moves into place over another, and nothing else is left", async () => {
  const target = join(directory, "target");
  for (const content of ["one", "two"]) await moveIntoPlace(await writeTemporary(directory, Buffer.from(content)), target);
  expect([await readFile(target, "utf8"), await readdir(directory)]).toEqual(["two", ["target"]]);
});

test("of many files that move into one free place exactly one gets it, whole, and nothing else is left", async () => {
  const target = join(directory, "target");
  const contents = Array.from({ length: 20 }, (_, i) => `content ${i}`);
  const won = await Promise.all(
    contents.map(async (content) => moveIntoFreePlace(await writeTemporary(directory, Buffer.from(content)), target)),
  );
  expect(won.filter(Boolean)).toHaveLength(1);
  expect([await readFile(target, "utf8"), await readdir(directory)]).toEqual([contents[won.indexOf(true)], ["target"]]);
});

test("a move that fails leaves no temporary file", async () => {
  const nowhere = join(directory, "missing", "target");
  await expect(moveIntoPlace(await writeTemporary(directory, Buffer.from("x")), nowhere)).rejects.toSatisfy((error) =>
    isSystemError(error, "ENOENT"),
  );
  await expect(moveIntoFreePlace(await writeTemporary(directory, Buffer.from("x")), nowhere)).rejects.toSatisfy((error) =>
    isSystemError(error, "ENOENT"),
  );
  expect(await readdir(directory)).toEqual([]);
});

test("removing what is not there is fine, removing what cannot be removed is not", async () => {
  await removeDurably(join(directory, "missing"));
  await writeFile(join(directory, "file"), "x");
  await removeDurably(join(directory, "file", "below"));
  await createDirectory(join(directory, "full", "inner"));
  await expect(removeDurably(join(directory, "full"))).rejects.toBeInstanceOf(Error);
});

test("a sweep removes old files, and neither young ones nor directories", async () => {
  await createDirectory(join(directory, "old-directory"));
  for (const name of ["old", "young"]) await writeFile(join(directory, name), "x");
  for (const name of ["old", "old-directory"]) await utimes(join(directory, name), 1_000, 1_000);
  await sweepFiles(directory, 2_000_000);
  expect((await readdir(directory)).toSorted()).toEqual(["old-directory", "young"]);
});
