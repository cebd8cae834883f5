import { appendFileSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lastLines, logSize, rotateIfLarge } from "./logs.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "whs-logs-"));
  file = path.join(directory, "a.log");
});
afterEach(() => rmSync(directory, { recursive: true }));

test("the end of a log is its last lines", () => {
  appendFileSync(file, Array.from({ length: 5000 }, (_, index) => `line ${index}\n`).join(""));
  expect(lastLines(file, 2)).toBe("line 4998\nline 4999");
});

test("what was there before is not the end of what came since, unless the log was moved aside", () => {
  appendFileSync(file, "of the run before\n");
  const before = logSize(file);
  expect(lastLines(file, 2, before)).toBe("");
  appendFileSync(file, "of this run\n");
  expect(lastLines(file, 2, before)).toBe("of this run");
  rotateIfLarge(file, 1);
  appendFileSync(file, "new\n");
  expect(lastLines(file, 2, before)).toBe("new");
});

test("a large log moves aside and whoever has it open goes on writing to the new one", () => {
  const writer = openSync(file, "a");
  writeSync(writer, "old\n".repeat(10));
  rotateIfLarge(file, 20);
  writeSync(writer, "new\n");
  expect(readFileSync(`${file}.1`, "utf8")).toBe("old\n".repeat(10));
  expect(readFileSync(file, "utf8")).toBe("new\n");
});

test("a log within its size, and one that is not there, are left alone", () => {
  appendFileSync(file, "old\n");
  rotateIfLarge(file, 20);
  rotateIfLarge(path.join(directory, "none.log"), 20);
  expect(existsSync(`${file}.1`)).toBe(false);
});
