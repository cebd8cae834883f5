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

/** A program or library for linux/arm64 that has nothing but the names of what it needs. */
function elfForArm(libraries: readonly string[], interpreter?: string): Buffer {
  const names = Buffer.from(`\0${libraries.map((name) => `${name}\0`).join("")}${interpreter ?? ""}\0`);
  const segments = interpreter === undefined ? [1, 2] : [1, 2, 3];
  const dynamicAt = 64 + segments.length * 56;
  const namesAt = dynamicAt + (libraries.length + 1) * 16;
  const bytes = Buffer.concat([Buffer.alloc(namesAt), names]);
  bytes.write("\x7fELF\x02\x01\x01", "latin1");
  bytes.writeUInt16LE(183, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(segments.length, 56);
  let name = 1;
  libraries.forEach((library, index) => {
    bytes.writeBigInt64LE(1n, dynamicAt + index * 16);
    bytes.writeBigUInt64LE(BigInt(name), dynamicAt + index * 16 + 8);
    name += library.length + 1;
  });
  bytes.writeBigInt64LE(5n, namesAt - 16);
  bytes.writeBigUInt64LE(BigInt(namesAt), namesAt - 8);
  const places: Record<number, [offset: number, size: number]> = {
    1: [0, bytes.length],
    2: [dynamicAt, namesAt - dynamicAt],
    3: [namesAt + name, (interpreter?.length ?? 0) + 1],
  };
  segments.forEach((type, index) => {
    const [offset = 0, size = 0] = places[type] ?? [];
    bytes.writeUInt32LE(type, 64 + index * 56);
    for (const field of [8, 16]) bytes.writeBigUInt64LE(BigInt(offset), 64 + index * 56 + field);
    bytes.writeBigUInt64LE(BigInt(size), 64 + index * 56 + 32);
  });
  return bytes;
}

describe("a base for another machine", () => {
  const loader = "/lib/ld-linux-aarch64.so.1";
  const rootOf = async (name: string, files: Record<string, Buffer>) => {
    const root = path.join(directory, name);
    for (const [file, content] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(root, file)), { recursive: true });
      await writeFile(path.join(root, file), content);
    }
    return { nodeBinary: path.join(root, "node"), libraryRoot: root, cacheDirectory: path.join(root, "cache") };
  };
  const node = elfForArm(["libstdc++.so.6", "libc.so.6"], loader);

  test("has what its Node needs, and what that needs, for its machine only, whatever else is there", async () => {
    const foreign = elfForArm([]);
    foreign.writeUInt16LE(62, 18);
    const options = await rootOf("arm", {
      node,
      [loader]: elfForArm([]),
      "lib/aarch64-linux-gnu/libc.so.6": foreign,
      "usr/lib/aarch64-linux-gnu/libc.so.6": elfForArm(["ld-linux-aarch64.so.1"]),
      "usr/lib/aarch64-linux-gnu/libstdc++.so.6": elfForArm(["libm.so.6", "libc.so.6"]),
      "lib/libm.so.6": elfForArm(["libc.so.6"]),
      "lib/libunused.so.1": elfForArm([]),
    });
    const base = await buildBase(options);
    expect(base.architecture).toBe("arm64");
    const [layer] = base.layers;
    const { stdout } = await run("tar", ["-tzf", path.join(options.cacheDirectory, `${layer?.digest.slice(7)}.tar.gz`)]);
    expect(stdout.split("\n").filter((name) => /\.so|node/.test(name))).toEqual([
      "lib/aarch64-linux-gnu/libc.so.6",
      "lib/aarch64-linux-gnu/libm.so.6",
      "lib/aarch64-linux-gnu/libstdc++.so.6",
      "lib/ld-linux-aarch64.so.1",
      "opt/whs/node",
    ]);
    const to = path.join(options.libraryRoot, "unpacked");
    await mkdir(to);
    await run("tar", ["-xzf", path.join(options.cacheDirectory, `${layer?.digest.slice(7)}.tar.gz`), "-C", to]);
    expect(readElfNeeds(path.join(to, "lib/aarch64-linux-gnu/libc.so.6")).architecture).toBe("arm64");
  });

  test("is not made when a library is there for this machine alone", async () => {
    const foreign = elfForArm([]);
    foreign.writeUInt16LE(62, 18);
    const options = await rootOf("half", { node, [loader]: elfForArm([]), "lib/libstdc++.so.6": elfForArm([]), "lib/libc.so.6": foreign });
    await expect(buildBase(options)).rejects.toThrow("Node for linux/arm64 needs libc.so.6");
  });
});
