import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { rawTarGz } from "../testing/raw-tar.ts";
import { rawZip } from "../testing/raw-zip.ts";
import { extract } from "./extract.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "whs-extract-"));
});
afterEach(() => rm(folder, { recursive: true }));

const entries = [
  { name: "agent.config.json", content: "{}" },
  { name: "src/lib/a.ts", content: "a", mode: 0o777 },
  { name: "src/b.ts", content: "b" },
];

test.each([
  ["tar.gz", rawTarGz([...entries, { name: "empty/", typeflag: "5" }])],
  ["zip", rawZip([...entries.map(({ name, content }) => ({ name, content, mode: 0o104777 })), { name: "empty/", mode: 0o040777 }])],
])("files of a %s are private to the owner and not executable", async (_format, bytes) => {
  const destination = join(folder, "out");
  const files = await extract(bytes, destination);
  expect(files.map(({ path, size }) => [path, size])).toEqual([
    ["agent.config.json", 2],
    ["src/lib/a.ts", 1],
    ["src/b.ts", 1],
  ]);
  expect(await readFile(join(destination, "src/lib/a.ts"), "utf8")).toBe("a");
  expect((await stat(join(destination, "src/lib/a.ts"))).mode & 0o7777).toBe(0o600);
  for (const directory of [destination, join(destination, "src"), join(destination, "empty")])
    expect((await stat(directory)).mode & 0o7777).toBe(0o700);
});

test("an existing destination must be empty", async () => {
  await writeFile(join(folder, "mine"), "keep");
  await expect(extract(rawTarGz(entries), folder)).rejects.toThrow("not empty");
  expect(await readdir(folder)).toEqual(["mine"]);
});

test("a destination that is a symbolic link is refused", async () => {
  await mkdir(join(folder, "elsewhere"));
  await symlink("elsewhere", join(folder, "out"));
  await expect(extract(rawTarGz(entries), join(folder, "out"))).rejects.toThrow(/ELOOP|ENOTDIR/);
  expect(await readdir(join(folder, "elsewhere"))).toEqual([]);
});

test("a refused archive leaves nothing behind, nor takes away a directory it did not make", async () => {
  const bytes = rawTarGz([...entries, { name: "../evil", content: "x" }]);
  await mkdir(join(folder, "given"));
  await expect(extract(bytes, join(folder, "made"))).rejects.toMatchObject({ code: "PATH_TRAVERSAL" });
  await expect(extract(bytes, join(folder, "given"))).rejects.toMatchObject({ code: "PATH_TRAVERSAL" });
  expect(await readdir(folder, { recursive: true })).toEqual(["given"]);
});

test("an aborted extraction ends with the signal's reason and leaves nothing behind", async () => {
  const stop = new AbortController();
  const bytes = rawTarGz([...entries, { name: "big", content: Buffer.alloc(500_000, "x") }]);
  const source = (async function* () {
    yield bytes.subarray(0, 400);
    stop.abort(new Error("stopped"));
    yield bytes.subarray(400);
  })();
  await expect(extract(source, join(folder, "out"), { signal: stop.signal })).rejects.toThrow("stopped");
  expect(await readdir(folder)).toEqual([]);
});

test("a directory that becomes a symbolic link in the middle is not followed", async () => {
  const destination = join(folder, "out");
  await mkdir(join(folder, "elsewhere"));
  const first = rawTarGz([
    { name: "src/a.ts", content: Buffer.from(Array.from({ length: 400_000 }, (_, index) => (index * 7919) % 251)) },
    { name: "top.ts", content: "x" },
    { name: "src/evil.ts", content: "x" },
  ]);
  const source = (async function* () {
    yield first.subarray(0, 200);
    // By then the directory is open: what makes it, looks for it again right after.
    while (!existsSync(join(destination, "src/a.ts"))) await new Promise((resolve) => setImmediate(resolve));
    await rename(join(destination, "src"), join(folder, "moved"));
    await symlink(join(folder, "elsewhere"), join(destination, "src"));
    yield first.subarray(200);
  })();
  await expect(extract(source, destination)).rejects.toThrow(/ELOOP|ENOTDIR|replaced/);
  expect(await readdir(join(folder, "elsewhere"))).toEqual([]);
});
