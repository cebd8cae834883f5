import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { gnuLongName, pax, rawTar, rawTarGz, type RawTarEntry } from "../testing/raw-tar.ts";
import { extraField, rawZip, zip64End, type RawZipEntry } from "../testing/raw-zip.ts";
import { BundleError, type BundleErrorCode } from "./bundle-error.ts";
import { readArchive, type ReadOptions } from "./read-archive.ts";
import type { ArchiveSource } from "./source.ts";

async function refusal(source: ArchiveSource, options?: ReadOptions): Promise<BundleError> {
  try {
    for await (const entry of readArchive(source, options)) void entry;
  } catch (error) {
    if (error instanceof BundleError) return error;
    throw error;
  }
  throw new Error("the archive was accepted");
}

const manifest = { name: "agent.config.json", content: "{}" };
const zipped = (...entries: RawZipEntry[]) => rawZip([manifest, ...entries]);
const tarred = (...entries: RawTarEntry[]) => rawTarGz([manifest, ...entries]);

const hostileNames: [kind: string, name: string, code: BundleErrorCode][] = [
  ["an absolute path", "/etc/passwd", "PATH_ABSOLUTE"],
  ["a path with ..", "src/../../evil.ts", "PATH_TRAVERSAL"],
  ["a path that begins with ..", "../evil.ts", "PATH_TRAVERSAL"],
  ["a path that ends with ..", "src/..", "PATH_TRAVERSAL"],
  ["a backslash", "src\\evil.ts", "PATH_BACKSLASH"],
  ["a backslash that hides ..", "..\\..\\evil.ts", "PATH_BACKSLASH"],
  ["a drive letter", "C:/evil.ts", "PATH_DRIVE_LETTER"],
  ["a drive letter without a slash", "c:evil.ts", "PATH_DRIVE_LETTER"],
  ["a control character", "evil\u001b[31m.ts", "PATH_CONTROL_CHARACTER"],
  ["an empty segment", "src//evil.ts", "PATH_EMPTY_SEGMENT"],
  ["a . segment inside", "src/./evil.ts", "PATH_EMPTY_SEGMENT"],
  ["more than 512 bytes", `${"d/".repeat(3)}${"é".repeat(120)}/${"é".repeat(120)}/${"é".repeat(20)}`, "PATH_TOO_LONG"],
  ["a name of more than 255 bytes", "n".repeat(256), "PATH_TOO_LONG"],
  ["more than 32 levels", `${"d/".repeat(32)}f`, "PATH_TOO_DEEP"],
];

describe.each([
  ["tar.gz", (name: string) => tarred(pax({ path: name }), { name: "short" })],
  ["zip", (name: string) => zipped({ name })],
])("names in a %s", (_format, archive) => {
  test.each(hostileNames)("%s is refused", async (_kind, name, code) => {
    const error = await refusal(archive(name));
    expect(error.code).toBe(code);
    expect(error.entry?.slice(0, 4)).toBe(name.slice(0, 4));
    expect(error.message.startsWith(`"${error.entry}": `)).toBe(true);
  });

  test("a NUL is refused, and shown", async () => {
    const error = await refusal(archive("agent.ts\0.png"));
    expect(error).toMatchObject({ code: "PATH_CONTROL_CHARACTER", entry: "agent.ts\\u{0}.png" });
  });

  test.each([
    ["the same name", "a/b.ts", "a/b.ts", "ENTRY_DUPLICATE"],
    ["another case", "README.md", "readme.md", "ENTRY_DUPLICATE"],
    ["another case of a directory", "SRC/a.ts", "src/b.ts", "ENTRY_DUPLICATE"],
    ["a letter composed and decomposed", "caf\u00e9.txt", "cafe\u0301.txt", "ENTRY_DUPLICATE"],
    ["sharp s", "stra\u00dfe.txt", "STRASSE.txt", "ENTRY_DUPLICATE"],
    ["the Kelvin sign", "\u212a.txt", "k.txt", "ENTRY_DUPLICATE"],
    ["a file and a directory", "data", "data/a.json", "ENTRY_CONFLICT"],
    ["a directory and a file", "data/a.json", "data", "ENTRY_CONFLICT"],
  ])("two entries with %s are refused", async (_kind, first, second, code) => {
    const both = _format === "zip" ? zipped({ name: first }, { name: second }) : tarred({ name: first }, { name: second });
    expect(await refusal(both)).toMatchObject({ code, entry: second });
  });
});

describe("tar.gz", () => {
  test.each([
    ["a symbolic link", "2", "ENTRY_SYMLINK"],
    ["a hard link", "1", "ENTRY_HARD_LINK"],
    ["a character device", "3", "ENTRY_DEVICE"],
    ["a block device", "4", "ENTRY_DEVICE"],
    ["a FIFO", "6", "ENTRY_FIFO"],
    ["an unknown type", "V", "ENTRY_TYPE"],
    ["an old GNU sparse file", "S", "ENTRY_TYPE"],
  ])("%s is refused", async (_kind, typeflag, code) => {
    expect(await refusal(tarred({ name: "src/evil", typeflag, linkname: "/etc/passwd" }))).toMatchObject({ code, entry: "src/evil" });
  });

  test("a symbolic link whose name comes from a pax header is refused by that name", async () => {
    const error = await refusal(tarred(pax({ path: "src/long-name", linkpath: "/etc/passwd" }), { name: "x", typeflag: "2" }));
    expect(error).toMatchObject({ code: "ENTRY_SYMLINK", entry: "src/long-name" });
  });

  test("a pax sparse file is refused", async () => {
    const error = await refusal(tarred(pax({ "GNU.sparse.major": "1", "GNU.sparse.name": "other" }), { name: "src/sparse" }));
    expect(error).toMatchObject({ code: "ENTRY_TYPE", entry: "src/sparse" });
  });

  test("a GNU long name is checked like any other", async () => {
    expect(await refusal(tarred(gnuLongName("../evil.ts"), { name: "harmless" }))).toMatchObject({
      code: "PATH_TRAVERSAL",
      entry: "../evil.ts",
    });
  });

  test("a name that is not UTF-8 is refused", async () => {
    expect(await refusal(tarred({ name: Buffer.from([0x61, 0xff, 0x62]) }))).toMatchObject({ code: "PATH_NOT_UTF8", entry: "a\ufffdb" });
  });

  test("a pax size that reaches past the archive is refused", async () => {
    expect((await refusal(tarred(pax({ size: "100000" }), { name: "src/a.ts", content: "x" }))).code).toBe("ARCHIVE_CORRUPT");
  });

  test.each(["-1", "nonsense", "99999999999999999999"])("a pax size of %s is refused", async (size) => {
    expect((await refusal(tarred(pax({ size }), { name: "src/a.ts", content: "x" }))).code).toMatch(/ARCHIVE_CORRUPT|ENTRY_SIZE/);
  });

  test("a pax header of unbounded size is refused", async () => {
    const error = await refusal(
      rawTarGz([{ name: "PaxHeader", typeflag: "x", content: Buffer.alloc(8 * 1024 * 1024, 0x20) }, { name: "a" }]),
    );
    expect(error.code).toBe("ARCHIVE_CORRUPT");
  });

  test("a directory with content is refused", async () => {
    expect(await refusal(tarred({ name: "src/", typeflag: "5", content: "x" }))).toMatchObject({ code: "ENTRY_SIZE", entry: "src" });
  });

  test("a root directory with content is refused", async () => {
    expect(await refusal(tarred({ name: "./", typeflag: "5", size: 512 }))).toMatchObject({ code: "ENTRY_SIZE", entry: "." });
  });

  test("a wrong header checksum is refused", async () => {
    expect((await refusal(tarred({ name: "a", checksum: 1 }))).code).toBe("ARCHIVE_CORRUPT");
  });

  test("a gzip stream cut short is refused", async () => {
    const bytes = tarred({ name: "a", content: Buffer.alloc(5000, "x") });
    expect((await refusal(bytes.subarray(0, -9))).code).toBe("ARCHIVE_TRUNCATED");
  });

  test("a tar cut short inside a complete gzip stream is refused", async () => {
    const tar = rawTar([manifest, { name: "a", content: "x".repeat(600) }]);
    expect((await refusal(gzipSync(tar.subarray(0, 1024 + 512 + 100)))).code).toBe("ARCHIVE_TRUNCATED");
  });

  test("a tar without its end marker is refused, even between two entries", async () => {
    expect((await refusal(rawTarGz([manifest], Buffer.alloc(0)))).code).toBe("ARCHIVE_TRUNCATED");
  });

  test("data after the gzip stream is refused", async () => {
    expect((await refusal(Buffer.concat([tarred(), Buffer.alloc(16)]))).code).toBe("ARCHIVE_TRAILING_DATA");
    expect((await refusal(Buffer.concat([tarred(), Buffer.from("#!/bin/sh")]))).code).toMatch(/ARCHIVE_(TRAILING_DATA|CORRUPT)/);
  });

  test("a flood of padding is refused", async () => {
    const error = await refusal(gzipSync(Buffer.alloc(8 * 1024 * 1024), { level: 1 }), {
      limits: { maxExtractedBytes: 1024, maxEntries: 10 },
    });
    expect(error.code).toBe("LIMIT_EXTRACTED");
  });
});

describe("zip", () => {
  test.each([
    ["a symbolic link", 0o120777, "ENTRY_SYMLINK"],
    ["a FIFO", 0o010644, "ENTRY_FIFO"],
    ["a character device", 0o020644, "ENTRY_DEVICE"],
    ["a block device", 0o060644, "ENTRY_DEVICE"],
    ["a socket", 0o140644, "ENTRY_TYPE"],
    ["a directory without its slash", 0o040755, "ENTRY_TYPE"],
  ])("%s is refused", async (_kind, mode, code) => {
    expect(await refusal(zipped({ name: "src/evil", mode, content: "/etc/passwd" }))).toMatchObject({ code, entry: "src/evil" });
  });

  test.each([
    ["an encrypted entry", 0x1],
    ["a strongly encrypted entry", 0x41],
    ["an entry with strong encryption alone", 0x40],
    ["an entry with masked headers", 0x2000],
  ])("%s is refused", async (_kind, flags) => {
    const error = await refusal(zipped({ name: "src/secret.ts", content: "x", local: { flags }, central: { flags } }));
    expect(error).toMatchObject({ code: "ENTRY_ENCRYPTED", entry: "src/secret.ts" });
  });

  test("AES encryption is refused", async () => {
    expect(await refusal(zipped({ name: "a", method: 99, content: "x" }))).toMatchObject({ code: "ENTRY_ENCRYPTED", entry: "a" });
  });

  test.each([1, 9, 12, 14, 93])("compression method %i is refused", async (method) => {
    expect(await refusal(zipped({ name: "a", method, content: "x" }))).toMatchObject({ code: "ENTRY_COMPRESSION", entry: "a" });
  });

  test("an entry that inflates beyond its declared size is refused", async () => {
    const lie = { uncompressedSize: 10 };
    const error = await refusal(zipped({ name: "bomb", content: Buffer.alloc(5_000_000), local: lie, central: lie }));
    expect(error).toMatchObject({ code: "ENTRY_SIZE", entry: "bomb" });
  });

  test("an entry that inflates to less than its declared size is refused", async () => {
    const lie = { uncompressedSize: 10 };
    expect(await refusal(zipped({ name: "short", content: "x", local: lie, central: lie }))).toMatchObject({
      code: "ENTRY_SIZE",
      entry: "short",
    });
  });

  test("a stored entry with two sizes is refused", async () => {
    const lie = { uncompressedSize: 10 };
    expect(await refusal(zipped({ name: "a", method: 0, content: "x", local: lie, central: lie }))).toMatchObject({
      code: "ENTRY_SIZE",
      entry: "a",
    });
  });

  test("data hidden behind an entry's compressed stream is refused", async () => {
    const content = Buffer.concat([Buffer.from([3, 0]), Buffer.from("hidden")]);
    const lie = { method: 8, uncompressedSize: 0, crc: 0 };
    expect(await refusal(zipped({ name: "a", method: 0, content, local: lie, central: lie }))).toMatchObject({
      code: "ENTRY_SIZE",
      entry: "a",
    });
  });

  test("a wrong checksum is refused", async () => {
    const lie = { crc: 1 };
    expect(await refusal(zipped({ name: "a", content: "x", local: lie, central: lie }))).toMatchObject({
      code: "ENTRY_CHECKSUM",
      entry: "a",
    });
  });

  test("broken compressed data is refused", async () => {
    const lie = { method: 8, crc: 0 };
    expect(await refusal(zipped({ name: "a", method: 0, content: Buffer.alloc(20, 0xff), local: lie, central: lie }))).toMatchObject({
      code: "ARCHIVE_CORRUPT",
      entry: "a",
    });
  });

  test.each([
    ["name", { name: "b" }],
    ["method", { method: 0 }],
    ["size", { uncompressedSize: 2 }],
    ["compressed size", { compressedSize: 4 }],
    ["checksum", { crc: 5 }],
    ["flags", { flags: 0x801 }],
    ["zip64 sizes", { extra: extraField(1, Buffer.alloc(16, 1)) }],
  ])("a local header with another %s is refused", async (_field, local) => {
    expect(await refusal(zipped({ name: "a", content: "x", local }))).toMatchObject({ code: "ENTRY_HEADER_MISMATCH", entry: "a" });
  });

  test.each([
    ["missing", Buffer.alloc(0)],
    ["lying", Buffer.from("504b0708000000000100000001000000", "hex")],
  ])("a data descriptor that is %s is refused", async (_kind, descriptor) => {
    expect(await refusal(zipped({ name: "a", content: "x", descriptor }))).toMatchObject({ code: "ENTRY_HEADER_MISMATCH", entry: "a" });
  });

  test("a second name in a Unicode path field is refused", async () => {
    const field = extraField(0x7075, Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), Buffer.from("../evil")]));
    expect(await refusal(zipped({ name: "a", central: { extra: field } }))).toMatchObject({ code: "ENTRY_HEADER_MISMATCH", entry: "a" });
  });

  test("two entries over the same data are refused", async () => {
    const inner = { name: "same", content: "x".repeat(1000) };
    const archive = rawZip([inner, { ...inner, name: "same", central: { offset: 0 } }]);
    expect(await refusal(archive)).toMatchObject({ code: "ENTRY_OVERLAP", entry: "same" });
  });

  test("an entry whose data lies in the directory is refused", async () => {
    const lie = { compressedSize: 60, uncompressedSize: 60 };
    expect(await refusal(rawZip([{ name: "a", method: 0, content: "x", local: lie, central: lie }]))).toMatchObject({
      code: "ENTRY_OVERLAP",
      entry: "a",
    });
  });

  test("an entry that points outside the archive is refused", async () => {
    expect(await refusal(zipped({ name: "a", central: { offset: 0x7fffffff } }))).toMatchObject({
      code: "ENTRY_HEADER_MISMATCH",
      entry: "a",
    });
  });

  test.each([
    ["fewer entries", { entryCount: 1 }],
    ["more entries", { entryCount: 3 }],
    ["another directory size", { directorySize: 10 }],
    ["another directory start", { directoryStart: 5 }],
  ])("an end record that declares %s is refused", async (_kind, end) => {
    expect((await refusal(rawZip([manifest, { name: "a" }], end))).code).toBe("ARCHIVE_CORRUPT");
  });

  test("a zip64 end record that contradicts the ordinary one is refused", async () => {
    const archive = rawZip([manifest, { name: "a" }], {
      before: (directory) => zip64End({ ...directory, count: 1 }, directory.start + directory.size),
    });
    expect((await refusal(archive)).code).toBe("ARCHIVE_CORRUPT");
  });

  test("a zip64 record with an impossible number of entries is refused before any is read", async () => {
    const archive = rawZip([manifest], {
      entryCount: 0xffff,
      before: (directory) => zip64End({ ...directory, count: 2 ** 40 }, directory.start + directory.size),
    });
    expect((await refusal(archive)).code).toBe("LIMIT_ENTRIES");
  });

  test("a zip cut short is refused", async () => {
    const bytes = zipped({ name: "a", content: "x" });
    expect((await refusal(bytes.subarray(0, -10))).code).toBe("ARCHIVE_TRUNCATED");
    expect((await refusal(bytes.subarray(0, 40))).code).toBe("ARCHIVE_TRUNCATED");
  });

  test("data after the end record is refused", async () => {
    expect((await refusal(rawZip([manifest], { after: Buffer.from("more") }))).code).toBe("ARCHIVE_TRAILING_DATA");
  });

  test("a second archive before the first is refused", async () => {
    expect((await refusal(Buffer.concat([rawZip([manifest]), rawZip([manifest])]))).code).toBe("ARCHIVE_CORRUPT");
  });

  test("a name that is not UTF-8 is refused", async () => {
    expect(await refusal(zipped({ name: Buffer.from([0x61, 0xff, 0x62]) }))).toMatchObject({ code: "PATH_NOT_UTF8", entry: "a\ufffdb" });
  });
});

describe("limits", () => {
  const content = Buffer.alloc(3000, "0123456789");
  const formats = [
    ["tar.gz", rawTarGz([manifest, { name: "a", content }, { name: "b", content }])],
    ["zip", rawZip([manifest, { name: "a", content }, { name: "b", content }])],
  ] as const;

  test.each(formats)("a %s over the compressed limit is refused, whether its size is known or not", async (_format, bytes) => {
    const options = { limits: { maxCompressedBytes: bytes.length - 1 } };
    const stream = (async function* () {
      yield bytes.subarray(0, 50);
      yield bytes.subarray(50);
    })();
    expect((await refusal(bytes, options)).code).toBe("LIMIT_COMPRESSED");
    expect((await refusal(stream, options)).code).toBe("LIMIT_COMPRESSED");
  });

  test.each(formats)("the file that takes a %s over the extracted limit is named", async (_format, bytes) => {
    expect(await refusal(bytes, { limits: { maxExtractedBytes: 5000 } })).toMatchObject({ code: "LIMIT_EXTRACTED", entry: "b" });
  });

  test.each(formats)("a %s with too many entries is refused", async (_format, bytes) => {
    expect((await refusal(bytes, { limits: { maxEntries: 2 } })).code).toBe("LIMIT_ENTRIES");
  });

  test.each([
    ["tar.gz", rawTarGz([{ name: "zeros", content: Buffer.alloc(4 * 1024 * 1024) }])],
    ["zip", rawZip([{ name: "zeros", content: Buffer.alloc(4 * 1024 * 1024) }])],
  ] as const)("a %s that extracts to more than 100 times its size is refused", async (_format, bytes) => {
    const stream = (async function* () {
      yield bytes;
    })();
    expect(await refusal(bytes)).toMatchObject({ code: "LIMIT_RATIO", entry: "zeros" });
    expect((await refusal(stream)).code).toBe("LIMIT_RATIO");
  });

  test("something that is no archive is refused", async () => {
    expect((await refusal(Buffer.from("hello"))).code).toBe("ARCHIVE_FORMAT");
    expect((await refusal(Buffer.alloc(0))).code).toBe("ARCHIVE_FORMAT");
  });
});
