import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { composeRoot } from "./compose-root.ts";
import { unpackLayer } from "./unpack-layer.ts";

const GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
const LIMITS = { bytes: 1024 * 1024, entries: 100 };

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "whs-image-"));
});
afterEach(() => rm(folder, { recursive: true }));

type Part = Partial<Header> & { name: string; content?: string };

async function tarOf(parts: readonly Part[]): Promise<Buffer> {
  const archive = pack();
  for (const { content = "", ...header } of parts) archive.entry(header, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function unpack(parts: readonly Part[], name = "layer", limits = LIMITS): Promise<string> {
  await mkdir(join(folder, name));
  await unpackLayer(Readable.from([gzipSync(await tarOf(parts))]), GZIP, join(folder, name), limits);
  return join(folder, name);
}

describe("a layer", () => {
  test("is unpacked with directories, files, links and programs, owned by nobody who could change them", async () => {
    const layer = await unpack([
      { name: "bin/", type: "directory", mode: 0o700 },
      { name: "bin/tool", content: "#!/bin/sh", mode: 0o4711 },
      { name: "bin/same", type: "link", linkname: "bin/tool" },
      { name: "deep/er/file", content: "text", mode: 0o600 },
      { name: "bin/other", type: "symlink", linkname: "/deep/er/file" },
      { name: "empty", content: "" },
    ]);
    expect(await readFile(join(layer, "bin/same"), "utf8")).toBe("#!/bin/sh");
    expect(await readlink(join(layer, "bin/other"))).toBe("/deep/er/file");
    const modes = await Promise.all(
      ["bin/tool", "deep/er/file", "bin"].map(async (name) => ((await lstat(join(layer, name))).mode & 0o7777).toString(8)),
    );
    expect(modes).toEqual(["555", "444", "755"]);
    expect((await stat(join(layer, "empty"))).size).toBe(0);
  });

  test("may be compressed by zstd, or not at all", async () => {
    const tar = await tarOf([{ name: "file", content: "text" }]);
    for (const [kind, bytes] of [
      ["+zstd", zstdCompressSync(tar)],
      ["", tar],
    ] as const) {
      const target = join(folder, `k${kind}`);
      await mkdir(target);
      await unpackLayer(Readable.from([bytes]), `application/vnd.oci.image.layer.v1.tar${kind}`, target, LIMITS);
      expect(await readFile(join(target, "file"), "utf8")).toBe("text");
    }
  });

  const hostile: [string, readonly Part[], RegExp][] = [
    ["leaves it by its name", [{ name: "../escape", content: "x" }], /leaves the image/],
    ["leaves it in the middle of its name", [{ name: "a/../../escape", content: "x" }], /leaves the image/],
    [
      "goes through a link",
      [
        { name: "out", type: "symlink", linkname: ".." },
        { name: "out/escape", content: "x" },
      ],
      /no directory/,
    ],
    [
      "goes through a link to a place of this machine",
      [
        { name: "out", type: "symlink", linkname: tmpdir() },
        { name: "out/escape", content: "x" },
      ],
      /no directory/,
    ],
    ["is a hard link to a file outside", [{ name: "passwd", type: "link", linkname: "../../../etc/passwd" }], /leaves the image/],
    [
      "is a hard link through a link",
      [
        { name: "etc", type: "symlink", linkname: "/etc" },
        { name: "mine", type: "link", linkname: "etc/passwd" },
      ],
      /no directory/,
    ],
    [
      "is a hard link to a link",
      [
        { name: "l", type: "symlink", linkname: "/etc/passwd" },
        { name: "mine", type: "link", linkname: "l" },
      ],
      /no file/,
    ],
    ["is a device", [{ name: "disk", type: "block-device" }], /is a device/],
    ["is too large", [{ name: "large", content: "x".repeat(LIMITS.bytes + 1) }], /too large/],
    ["is one of too many", Array.from({ length: LIMITS.entries + 1 }, (_, i) => ({ name: `f${i}` })), /too large/],
  ];
  test.each(hostile)("with an entry that %s is refused, and nothing is written outside", async (_what, parts, reason) => {
    await expect(unpack(parts)).rejects.toThrow(reason);
    expect(await readdir(folder)).toEqual(["layer"]);
  });

  test("that is no archive is refused as damaged", async () => {
    await mkdir(join(folder, "layer"));
    await expect(unpackLayer(Readable.from([Buffer.from("not gzip")]), GZIP, join(folder, "layer"), LIMITS)).rejects.toThrow(/damaged/);
  });
});

describe("a root", () => {
  test("has the files of all layers, the last one's first, without what a later layer removes", async () => {
    const layers = [
      await unpack(
        [
          { name: "a/kept", content: "1" },
          { name: "a/gone", content: "1" },
          { name: "b/old", content: "1" },
          { name: "c", content: "1" },
        ],
        "one",
      ),
      await unpack(
        [{ name: "a/.wh.gone" }, { name: "b/.wh..wh..opq" }, { name: "b/new", content: "2" }, { name: "c", content: "2" }],
        "two",
      ),
    ];
    const root = join(folder, "root");
    await composeRoot(layers, root);
    expect((await readdir(root, { recursive: true })).toSorted()).toEqual(["a", "a/kept", "b", "b/new", "c"]);
    expect(await readFile(join(root, "c"), "utf8")).toBe("2");
  });

  test("keeps a link that a later layer calls a directory, and never writes through one to this machine", async () => {
    await mkdir(join(folder, "victim"));
    await writeFile(join(folder, "victim", "file"), "untouched");
    const layers = [
      await unpack(
        [
          { name: "usr/lib/one", content: "1" },
          { name: "lib", type: "symlink", linkname: "usr/lib" },
          { name: "out", type: "symlink", linkname: join(folder, "victim") },
        ],
        "one",
      ),
      await unpack([{ name: "lib/two", content: "2" }, { name: "out/file", content: "changed" }, { name: "out/.wh.file" }], "two"),
    ];
    const root = join(folder, "root");
    await composeRoot(layers, root);
    expect((await readdir(join(root, "usr/lib"))).toSorted()).toEqual(["one", "two"]);
    expect((await lstat(join(root, "out"))).isDirectory()).toBe(true);
    expect(await readFile(join(folder, "victim", "file"), "utf8")).toBe("untouched");
  });
});
