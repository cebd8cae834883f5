import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const DOCUMENT = new URL("../../../docs/isolation.md", import.meta.url);
/** Files of which every test is an attack. */
const ATTACKS = ["hostile-agents.test.ts", "hostile-floods.test.ts"];
/** Files that hold attacks among other tests. */
const MIXED = ["egress.test.ts", "storage-quota.test.ts"];

async function testNames(file: string): Promise<string[]> {
  const source = await readFile(new URL(file, import.meta.url), "utf8");
  return [...source.matchAll(/^\s*test\(\s*"([^"]+)"/gm)].map((match) => match[1] ?? "");
}

test("every attack is in the table of docs/isolation.md, and every row of it is a test", async () => {
  const table = (await readFile(DOCUMENT, "utf8")).split("## Bounds")[0] ?? "";
  const rows = [...table.matchAll(/^\| ([^|]+) \| [^|]+ \| [^|]+ \| (?:stopped|contained) \| (?:stopped|contained|same code) \|$/gm)].map(
    (match) => match[1] ?? "",
  );
  const attacks = (await Promise.all(ATTACKS.map(testNames))).flat();
  const others = (await Promise.all(MIXED.map(testNames))).flat();
  expect(attacks.length).toBeGreaterThan(15);
  expect(rows).toEqual(expect.arrayContaining(attacks));
  expect([...attacks, ...others]).toEqual(expect.arrayContaining(rows));
});
