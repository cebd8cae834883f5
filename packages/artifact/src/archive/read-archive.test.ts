import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gnuLongName, pax, rawTar, rawTarGz } from "../testing/raw-tar.ts";
import { extraField, rawZip, zip64End } from "../testing/raw-zip.ts";
import { createBundleArchive } from "./create-bundle-archive.ts";
import { inspectBundle } from "./inspect-bundle.ts";
import { readArchive } from "./read-archive.ts";
import type { ArchiveSource } from "./source.ts";

const run = promisify(execFile);
const hasPython = await run("python3", ["--version"]).then(
  () => true,
  () => false,
);

async function contents(source: ArchiveSource): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const entry of readArchive(source)) found[entry.path] = entry.type === "directory" ? "/" : await text(entry.content());
  return found;
}

describe("archives of other tools", () => {
  let folder: string;
  const files = {
    "agent.config.json": "{}",
    "src/agent.ts": "export default {};",
    "src/._agent.ts": "metadata",
    "__MACOSX/a": "b",
    "übung/日本.txt": "text",
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "whs-archives-"));
    for (const [path, content] of Object.entries({ ...files, [`${"deep-directory-name/".repeat(8)}file.txt`]: "deep" })) {
      const target = join(folder, "in", path);
      await mkdir(join(target, ".."), { recursive: true });
      await writeFile(target, content);
    }
    await chmod(join(folder, "in/src/agent.ts"), 0o755);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const expected = { ...files, [`${"deep-directory-name/".repeat(8)}file.txt`]: "deep" };
  const names = ["agent.config.json", "src", "__MACOSX", "übung", "deep-directory-name"];

  test.each([[["."]], [["--format=ustar", ...names]], [["--format=pax", ...names]]])("tar czf %j is read", async (args) => {
    await run("tar", ["czf", "../out.tgz", ...args], { cwd: join(folder, "in") });
    expect(await contents(join(folder, "out.tgz"))).toMatchObject(expected);
  });

  test.runIf(hasPython)("a zip by Python is read", async () => {
    await run("python3", ["-c", "import shutil; shutil.make_archive('../out', 'zip', '.')"], { cwd: join(folder, "in") });
    expect(await contents(join(folder, "out.zip"))).toMatchObject(expected);
  });
});

test("leading ./ is dropped, the root entry skipped, and directories told apart", async () => {
  const tar = rawTarGz([
    { name: "./", typeflag: "5" },
    { name: "./src/", typeflag: "5" },
    { name: "./src/a.ts", content: "a" },
    { name: "old/" },
  ]);
  expect(await contents(tar)).toEqual({ src: "/", "src/a.ts": "a", old: "/" });
});

test("pax and GNU long names name the entry after them", async () => {
  const long = `${"directory/".repeat(15)}file.ts`;
  expect(
    await contents(
      rawTarGz([pax({ path: long }), { name: "short", content: "1" }, gnuLongName(`gnu/${long}`), { name: "short", content: "2" }]),
    ),
  ).toEqual({ [long]: "1", [`gnu/${long}`]: "2" });
});

test("several gzip members are one stream", async () => {
  const tar = rawTar([{ name: "a", content: "x".repeat(2000) }]);
  expect(await contents(Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]))).toEqual({ a: "x".repeat(2000) });
});

test("honest zip64 records and data descriptors are read", async () => {
  const size = Buffer.alloc(16);
  size.writeBigUInt64LE(5n, 0);
  size.writeBigUInt64LE(5n, 8);
  const local = { compressedSize: 0xffffffff, uncompressedSize: 0xffffffff, extra: extraField(1, size) };
  const archive = rawZip(
    [
      { name: "a", method: 0, content: "hello", local },
      { name: "b", content: "world", descriptor: true },
    ],
    { entryCount: 0xffff, before: (directory) => zip64End(directory, directory.start + directory.size) },
  );
  expect(await contents(archive)).toEqual({ a: "hello", b: "world" });
});

test("an archive whose end record has a comment is read", async () => {
  expect(await contents(rawZip([{ name: "a", content: "x" }], { comment: "made by hand" }))).toEqual({ a: "x" });
});

test.each([
  [
    "tar.gz",
    rawTarGz([
      { name: "a", content: "x".repeat(100_000) },
      { name: "b", content: "b" },
    ]),
  ],
  [
    "zip",
    rawZip([
      { name: "a", content: "x".repeat(100_000) },
      { name: "b", content: "b" },
    ]),
  ],
])("what a consumer leaves unread of an entry of a %s does not disturb the next", async (_format, bytes) => {
  const found: string[] = [];
  for await (const entry of readArchive(bytes)) {
    if (entry.path === "a") for await (const chunk of entry.content()) if (chunk.length > 0) break;
    if (entry.path === "b") found.push(await text(entry.content()));
  }
  expect(found).toEqual(["b"]);
});

test("an error of the source is passed on as it is", async () => {
  const failure = new Error("storage is gone");
  const bytes = rawTarGz([{ name: "a", content: "x".repeat(5000) }]);
  const source = (async function* () {
    yield bytes.subarray(0, 60);
    throw failure;
  })();
  await expect(contents(source)).rejects.toBe(failure);
});

test("a consumer that stops early closes the source", async () => {
  let closed = false;
  const bytes = rawTarGz([
    { name: "a", content: "x" },
    { name: "b", content: "y" },
  ]);
  const source = (async function* () {
    try {
      yield bytes.subarray(0, 100);
      yield bytes.subarray(100);
    } finally {
      closed = true;
    }
  })();
  for await (const entry of readArchive(source)) if (entry.path === "a") break;
  expect(closed).toBe(true);
});

describe("createBundleArchive", () => {
  const files = [
    { path: "src/agent.ts", bytes: Buffer.from("export default {};") },
    { path: "agent.config.json", bytes: Buffer.from("{}") },
    { path: `${"long/".repeat(30)}é.txt`, bytes: Buffer.from("é") },
  ];

  test("the same files give the same bytes in any order", async () => {
    const bytes = await createBundleArchive(files);
    expect(Buffer.compare(bytes, await createBundleArchive(files.toReversed()))).toBe(0);
    expect(Object.keys(await contents(bytes))).toEqual(["agent.config.json", `${"long/".repeat(30)}é.txt`, "src/agent.ts"]);
  });

  test("a path that no reader would take is refused", async () => {
    await expect(createBundleArchive([{ path: "../x", bytes: Buffer.alloc(0) }])).rejects.toMatchObject({ code: "PATH_TRAVERSAL" });
    await expect(createBundleArchive([...files, ...files])).rejects.toMatchObject({ code: "ENTRY_DUPLICATE" });
  });
});

describe("inspectBundle", () => {
  const manifest = Buffer.from(JSON.stringify({ protocol: "invoke/v1", runtime: "cloudflare", entrypoint: "agent.ts" }, null, 2));
  const agent = { path: "agent.ts", bytes: Buffer.from("hi") };

  test("gives manifest and files with their digests", async () => {
    const inspected = await inspectBundle(await createBundleArchive([{ path: "agent.config.json", bytes: manifest }, agent]));
    expect(inspected).toMatchObject({
      ok: true,
      manifest: { entrypoint: "agent.ts" },
      files: [
        { path: "agent.config.json" },
        { path: "agent.ts", size: 2, sha256: "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4" },
      ],
    });
  });

  test("a missing entrypoint is a finding at its field", async () => {
    const inspected = await inspectBundle(await createBundleArchive([{ path: "agent.config.json", bytes: manifest }]));
    expect(inspected).toEqual({
      ok: false,
      findings: [{ file: "agent.config.json", field: "entrypoint", message: '"agent.ts" is not in the bundle', line: 4, column: 3 }],
    });
  });

  test("a manifest in a subfolder is not taken, and the message says where it lies", async () => {
    const archive = await createBundleArchive([{ path: "my-agent/agent.config.json", bytes: manifest }]);
    await expect(inspectBundle(archive)).rejects.toMatchObject({
      code: "MANIFEST_MISSING",
      entry: "my-agent/agent.config.json",
      message: expect.stringContaining('lies in "my-agent/"') as string,
    });
  });

  test("a bundle without manifest is refused", async () => {
    await expect(inspectBundle(await createBundleArchive([agent]))).rejects.toMatchObject({ code: "MANIFEST_MISSING" });
  });

  test("a huge manifest is refused before it is read", async () => {
    const archive = await createBundleArchive([{ path: "agent.config.json", bytes: Buffer.alloc(70_000, " ") }]);
    await expect(inspectBundle(archive)).rejects.toMatchObject({ code: "MANIFEST_TOO_LARGE", entry: "agent.config.json" });
  });
});
