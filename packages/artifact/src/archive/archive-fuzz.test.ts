import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { pax, rawTar, rawTarGz, type RawTarEntry } from "../testing/raw-tar.ts";
import { rawZip, type RawZipEntry, type RawZipEnd } from "../testing/raw-zip.ts";
import { BundleError } from "./bundle-error.ts";
import { extract } from "./extract.ts";

/** Of each kind of archive; the variable asks for a longer search. */
const RUNS = Number(process.env["ARCHIVE_FUZZ_RUNS"] ?? 700);
const TIME_LIMIT_MS = 120_000 + 100 * RUNS;
/** Small, so that declared sizes and counts meet them often. */
const LIMITS = { maxEntries: 12, maxExtractedBytes: 64 * 1024, maxCompressedBytes: 32 * 1024, ratioGraceBytes: 4096 };

let base: string;
let destination: string;

beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), "whs-fuzz-")));
  const inner = join(base, "a", "b");
  await mkdir(inner, { recursive: true });
  await writeFile(join(inner, "sentinel"), "untouched");
  destination = join(inner, "out");
});
afterEach(() => rm(destination, { recursive: true, force: true }));
afterAll(() => rm(base, { recursive: true }));

const OUTSIDE = ["a", "a/b", "a/b/sentinel"];

/** Of the running property, so that it is seen to try both. */
let accepted = 0;

/** Either all of it is extracted, below the destination, or a BundleError says why and nothing is left. */
async function extractsOrRefuses(bytes: Uint8Array): Promise<void> {
  await rm(destination, { recursive: true, force: true });
  let files: string[] | null = null;
  try {
    files = (await extract(bytes, destination, { limits: LIMITS })).map(({ path }) => path);
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
  }
  const found = await readdir(base, { recursive: true, withFileTypes: true });
  const names = found.map((entry) => join(entry.parentPath, entry.name).slice(base.length + 1));
  expect(names.filter((name) => name !== "a/b/out" && !name.startsWith("a/b/out/")).toSorted()).toEqual(OUTSIDE);
  expect(found.every((entry) => entry.isFile() || entry.isDirectory())).toBe(true);
  const extracted = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  expect(extracted.filter((path) => path !== join(base, "a/b/sentinel")).toSorted()).toEqual(
    (files ?? []).map((path) => join(destination, path)).toSorted(),
  );
  expect(names.includes("a/b/out")).toBe(files !== null);
  accepted += files === null ? 0 : 1;
}

const oddNames = [
  "../x",
  "..",
  "a/../../x",
  "/abs",
  "a\\b",
  "C:x",
  "a//b",
  "./a",
  ".",
  "./",
  "",
  "a/",
  "A",
  "a",
  "a\0b",
  "\u00e9",
  "e\u0301",
  "\u212a",
  "k",
  "d/e/f",
  "d",
  "con",
  ".git/config",
  "n".repeat(120),
  "x/".repeat(40),
  "\u202Egpj",
  "\uFFFD",
  "sentinel",
  "../sentinel",
  "../out2/x",
];
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...oddNames) },
  { weight: 1, arbitrary: fc.constant(null).map(() => join(base, "absolute")) },
  { weight: 3, arbitrary: fc.string({ unit: "grapheme", maxLength: 20 }) },
  { weight: 2, arbitrary: fc.array(fc.constantFrom("a", "b", "C", "..", "."), { maxLength: 5 }).map((parts) => parts.join("/")) },
);
const content = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.nat(3000).map((length) => Buffer.alloc(length, "abc")),
  fc.nat(70_000).map((length) => Buffer.alloc(length)),
);
const someOf = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const definedOnly = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };

const oddSize = fc.oneof(fc.nat(3000), fc.constantFrom(0, 1, 511, 512, 513, 65536, 2 ** 31, 2 ** 32 - 1));
const tarEntry: fc.Arbitrary<RawTarEntry> = fc
  .record({
    name: fc.oneof(name, fc.uint8Array({ maxLength: 8 })),
    content: someOf(content),
    typeflag: fc.oneof(
      { weight: 4, arbitrary: fc.constant("0") },
      { weight: 1, arbitrary: fc.constantFrom("1", "2", "3", "4", "5", "6", "7", "x", "g", "L", "K", "S", "V", "\0") },
    ),
    size: fc.option(oddSize, { nil: undefined, freq: 6 }),
    linkname: someOf(name),
  })
  .map(definedOnly);
const paxEntry = fc
  .dictionary(fc.constantFrom("path", "size", "linkpath", "__proto__", "GNU.sparse.name"), fc.oneof(name, oddSize.map(String)), {
    minKeys: 1,
  })
  .map((records) => pax(records));
const tarEntries = fc.array(fc.oneof({ weight: 4, arbitrary: tarEntry }, { weight: 1, arbitrary: paxEntry }), { maxLength: 14 });

const zipField = fc.oneof(oddSize, fc.nat(100));
const zipFields = fc
  .record({
    name: someOf(name),
    flags: someOf(fc.constantFrom(0, 1, 8, 0x40, 0x800, 0x2000)),
    method: someOf(fc.constantFrom(0, 8, 9, 99)),
    crc: someOf(fc.nat()),
    compressedSize: someOf(zipField),
    uncompressedSize: someOf(zipField),
    extra: someOf(fc.uint8Array({ maxLength: 30 })),
  })
  .map(definedOnly);
const rarely = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 10 });
const zipEntry: fc.Arbitrary<RawZipEntry> = fc
  .record({
    name: fc.oneof(name, fc.uint8Array({ maxLength: 8 })),
    content: someOf(content),
    method: someOf(fc.constantFrom(0, 8)),
    mode: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0o100644) },
      { weight: 1, arbitrary: fc.constantFrom(0, 0o040755, 0o120777, 0o010644, 0o060644, 0o140644) },
    ),
    local: rarely(zipFields),
    central: rarely(zipFields),
    descriptor: rarely(fc.oneof(fc.constant(true as const), fc.uint8Array({ maxLength: 24 }))),
  })
  .map(definedOnly);
const zipEnd: fc.Arbitrary<RawZipEnd> = fc
  .record(
    {
      entryCount: fc.nat(20),
      directorySize: zipField,
      directoryStart: zipField,
      comment: fc.string({ maxLength: 30 }),
      commentLength: fc.nat(40),
    },
    { requiredKeys: [] },
  )
  .map(definedOnly);

interface Mutation {
  at: number;
  remove: number;
  insert: Uint8Array;
}
const mutations = fc.array(fc.record({ at: fc.nat(), remove: fc.nat(20), insert: fc.uint8Array({ maxLength: 20 }) }), {
  minLength: 1,
  maxLength: 4,
});
/** Overwrites as often as it shifts. */
function mutate(bytes: Buffer, changes: readonly Mutation[]): Buffer {
  return changes.reduce((result, { at, remove, insert }, index) => {
    const position = at % (result.length + 1);
    return Buffer.concat([result.subarray(0, position), insert, result.subarray(position + (index % 2 === 0 ? insert.length : remove))]);
  }, bytes);
}

const valid = [
  { name: "agent.config.json", content: '{"protocol":"invoke/v1"}' },
  { name: "src/", typeflag: "5" },
  { name: "src/agent.ts", content: "export default {};\n".repeat(40) },
  pax({ path: `src/${"deep/".repeat(5)}file.txt` }),
  { name: "short", content: Buffer.alloc(700, "xyz") },
];
const validTar = rawTar(valid);
const validGz = gzipSync(validTar);
const validZip = rawZip([
  { name: "agent.config.json", content: '{"protocol":"invoke/v1"}' },
  { name: "src/", method: 0, mode: 0o040755 },
  { name: "src/agent.ts", content: "export default {};\n".repeat(40), descriptor: true },
  { name: "data.bin", content: Buffer.alloc(700, "xyz"), method: 0 },
]);

const archives: [kind: string, archive: fc.Arbitrary<Uint8Array>][] = [
  ["tar entries of any kind", tarEntries.map((entries) => rawTarGz(entries))],
  [
    "zip entries of any kind",
    fc.tuple(fc.array(zipEntry, { maxLength: 14 }), fc.option(zipEnd, { freq: 4 })).map(([entries, end]) => rawZip(entries, end ?? {})),
  ],
  [
    "changed bytes of a valid tar and of its compressed form",
    fc
      .tuple(fc.boolean(), mutations)
      .map(([inside, changes]) => (inside ? gzipSync(mutate(validTar, changes), { level: 1 }) : mutate(validGz, changes))),
  ],
  [
    "changed bytes of a valid zip, and random bytes",
    fc
      .tuple(fc.nat(9), mutations, fc.uint8Array({ maxLength: 300 }), fc.constantFrom("1f8b", "504b0304", "504b0506", ""))
      .map(([die, changes, bytes, magic]) => (die === 0 ? Buffer.concat([Buffer.from(magic, "hex"), bytes]) : mutate(validZip, changes))),
  ],
];

test.each(archives)("%s are extracted inside, or refused without a trace", { timeout: TIME_LIMIT_MS }, async (_kind, archive) => {
  accepted = 0;
  await fc.assert(fc.asyncProperty(archive, extractsOrRefuses), { numRuns: RUNS });
  expect(accepted).toBeGreaterThan(0);
  expect(accepted).toBeLessThan(RUNS);
});

test("the unchanged samples are extracted", async () => {
  for (const bytes of [validGz, validZip]) {
    await rm(destination, { recursive: true, force: true });
    expect((await extract(bytes, destination, { limits: LIMITS })).map(({ path }) => path)).toContain("src/agent.ts");
  }
});
