import { appendFile, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Journal } from "./journal.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "whs-journal-"));
});
afterEach(() => rm(folder, { recursive: true }));

const MEBIBYTE = 1024 * 1024;

/** Everything that is left, read in steps of `step` and marked as done. */
async function drain(journal: Journal, step = 3): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const batch = await journal.read(step);
    if (batch.lines.length === 0 && journal.isEmpty) return all;
    all.push(...batch.lines);
    await batch.done();
  }
}

test("lines come back in order, each once", async () => {
  const journal = await Journal.open(folder, MEBIBYTE);
  await Promise.all([journal.append(["a", "b"]), journal.append(["c"]), journal.append(["d", "e", "f"])]);
  expect(await drain(journal)).toEqual(["a", "b", "c", "d", "e", "f"]);
  expect(await drain(journal)).toEqual([]);
  await journal.append(["g"]);
  expect(await drain(journal)).toEqual(["g"]);
  await journal.close();
});

test("what was appended and not marked as done is there after a kill, and what was marked is not", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.stringMatching(/^[a-zü]{1,20}$/), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 }),
      fc.nat(10),
      async (appends, readSteps) => {
        const place = await mkdtemp(join(folder, "case-"));
        const killed = await Journal.open(place, MEBIBYTE);
        for (const lines of appends) await killed.append(lines);
        const delivered: string[] = [];
        for (let i = 0; i < readSteps; i += 1) {
          const batch = await killed.read(2);
          delivered.push(...batch.lines);
          await batch.done();
        }
        await killed.read(2);
        const next = await Journal.open(place, MEBIBYTE);
        await next.append(["after"]);
        expect([...delivered, ...(await drain(next))]).toEqual([...appends.flat(), "after"]);
        await Promise.all([killed.close(), next.close()]);
      },
    ),
    { numRuns: 30 },
  );
});

test("half a line that a killed process left is passed over", async () => {
  const killed = await Journal.open(folder, MEBIBYTE);
  await killed.append(["whole"]);
  const [segment = ""] = (await readdir(folder)).filter((name) => name.endsWith(".ndjson"));
  await appendFile(join(folder, segment), '{"half');
  const next = await Journal.open(folder, MEBIBYTE);
  await next.append(["after"]);
  expect(await drain(next)).toEqual(["whole", "after"]);
  await Promise.all([killed.close(), next.close()]);
});

test("a journal that is full gives up its oldest lines, counts them, and stays below its bound", async () => {
  const bound = 6 * MEBIBYTE;
  const journal = await Journal.open(folder, bound);
  const line = "x".repeat(1024);
  const total = 12 * 1024;
  for (let i = 0; i < total; i += 256) await journal.append(Array.from({ length: 256 }, () => line));
  const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(bound);
  expect(journal.lost).toBeGreaterThan(0);
  expect((await drain(journal, 1000)).length).toBe(total - journal.lost);
  await journal.close();
});
