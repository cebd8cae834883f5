import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildBase } from "./base.ts";
import { composeImage } from "./image.ts";
import { sha256, writeLayer } from "./layer.ts";
import { readElfNeeds } from "./elf.ts";
import type { TarEntry } from "./tar.ts";

const run = promisify(execFile);
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "whs-image-"));
});
afterAll(() => rm(directory, { recursive: true }));

const LONG = `${"deep/".repeat(30)}a file with a long name – ü.txt`;
const entries = (): TarEntry[] => [
  { path: "b/second.txt", type: "file", mode: 0o644, content: Buffer.from("two") },
  { path: "a/first.txt", type: "file", mode: 0o755, content: Buffer.from("one") },
  { path: LONG, type: "file", mode: 0o644, content: Buffer.alloc(513, "x") },
  { path: "a/link", type: "link", target: "first.txt" },
  { path: "tmp", type: "directory", mode: 0o1777 },
];

describe("a layer", () => {
  test("has the same digest twice, on another clock, and whatever the order of its entries", async () => {
    const file = path.join(directory, "content");
    await writeFile(file, "from a file");
    const withFile = (list: TarEntry[]): TarEntry[] => [...list, { path: "f", type: "file", mode: 0o644, content: { file } }];
    const first = await writeLayer(withFile(entries()), path.join(directory, "one"));
    await utimes(file, 1, 1);
    const second = await writeLayer(withFile(entries().toReversed()), path.join(directory, "two"));
    expect(second.digest).toBe(first.digest);
    expect(second.diffId).toBe(first.diffId);
  });

  test("is described by its bytes, before and after compression, which name no system and no time", async () => {
    const layer = await writeLayer(entries(), path.join(directory, "described"));
    const bytes = await readFile(layer.file);
    expect(layer).toMatchObject({ digest: sha256(bytes), size: bytes.length, diffId: sha256(gunzipSync(bytes)) });
    expect([...bytes.subarray(4, 8), bytes[9]]).toEqual([0, 0, 0, 0, 255]);
  });

  test("is unpacked by tar as it was meant, long and foreign names included", async () => {
    const layer = await writeLayer(entries(), path.join(directory, "unpacked"));
    const to = path.join(directory, "unpacked", "root");
    await mkdir(to);
    await run("tar", ["-xzf", layer.file, "-C", to]);
    expect(await readFile(path.join(to, "a/link"), "utf8")).toBe("one");
    expect((await readFile(path.join(to, LONG))).length).toBe(513);
    const { stdout } = await run("tar", ["-tvzf", layer.file]);
    expect(stdout).toMatch(/drwxrwxrwt 0\/0 .* 1970-01-01 .* tmp\//);
    expect(stdout).toMatch(/-rwxr-xr-x 0\/0 .* a\/first.txt/);
  });

  test("does not hold one path twice", async () => {
    await expect(writeLayer([...entries(), ...entries().slice(0, 1)], directory)).rejects.toThrow(/b\/second\.txt/);
  });
});

test("an image's digest follows from its layers, machine and way to start alone", async () => {
  const layer = await writeLayer(entries(), path.join(directory, "composed"));
  const execution = { entrypoint: ["/node", "/main.js"], env: ["A=1"], workingDir: "/", user: "65534:65534", ports: [8080] };
  const image = composeImage([layer], "arm64", execution);
  expect(image.digest).toBe(sha256(image.manifest));
  expect(composeImage([layer], "arm64", execution).digest).toBe(image.digest);
  expect(composeImage([layer], "amd64", execution).digest).not.toBe(image.digest);
  expect(composeImage([layer], "arm64", { ...execution, env: ["A=2"] }).digest).not.toBe(image.digest);
});

describe.runIf(process.platform === "linux")("a base of this machine's files", () => {
  test("runs Node with nothing else around it, and is made once", async () => {
    const cacheDirectory = path.join(directory, "base");
    const options = { nodeBinary: process.execPath, libraryRoot: "/", cacheDirectory };
    const base = await buildBase(options);
    expect((await buildBase(options)).layers[0]?.digest).toBe(base.layers[0]?.digest);
    const root = path.join(cacheDirectory, "root");
    await mkdir(root);
    await run("tar", ["-xzf", path.join(cacheDirectory, `${base.layers[0]?.digest.slice(7)}.tar.gz`), "-C", root]);
    const inside = ["--ro-bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all", "--clearenv", "--", base.nodePath];
    const { stdout } = await run("bwrap", [...inside, "-p", "process.version + ' ' + require('node:os').userInfo({}).uid"]);
    expect(stdout).toMatch(new RegExp(`^${process.version.replaceAll(".", "\\.")} \\d+`));
  });

  test("names the library that is missing", async () => {
    await expect(buildBase({ nodeBinary: process.execPath, libraryRoot: directory, cacheDirectory: directory })).rejects.toThrow(
      /needs \S+\.so\.\d/,
    );
  });

  test("is not made of a file that is no program", () => {
    expect(() => readElfNeeds(import.meta.filename)).toThrow(/no program/);
  });
});
