import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadSecrets, SECRET_NAMES } from "./secrets.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "whs-secrets-"));
  file = path.join(directory, "secrets.env");
});
afterEach(() => rmSync(directory, { recursive: true }));

test("missing secrets are made up, all different, at least 32 bytes, in a file for the owner alone", () => {
  const secrets = loadSecrets(directory, {});
  const values = Object.values(secrets);
  expect(Object.keys(secrets).toSorted()).toEqual([...SECRET_NAMES].toSorted());
  expect(new Set(values).size).toBe(SECRET_NAMES.length);
  for (const value of values) expect(Buffer.from(value, "base64url").length).toBeGreaterThanOrEqual(32);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("secrets stay the same from start to start", () => {
  expect(loadSecrets(directory, {})).toEqual(loadSecrets(directory, {}));
});

test("a variable of the environment wins and is not written to the file", () => {
  loadSecrets(directory, {});
  const mine = { WHS_OPERATOR_TOKEN: "a token of mine" };
  expect(loadSecrets(directory, mine).WHS_OPERATOR_TOKEN).toBe("a token of mine");
  expect(readFileSync(file, "utf8")).not.toContain("a token of mine");
});

test("lines that a person added, and values that hold an equals sign, survive", () => {
  writeFileSync(file, "LEMONSQUEEZY_API_KEY=key\nWHS_OPERATOR_TOKEN=a=b\n");
  expect(loadSecrets(directory, {}).WHS_OPERATOR_TOKEN).toBe("a=b");
  expect(readFileSync(file, "utf8")).toContain("LEMONSQUEEZY_API_KEY=key\n");
});
