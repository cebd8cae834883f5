import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { readCommit } from "./read-commit.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";

/** The pax header with which `git archive` begins. */
function header(records: string, { size = records.length, type = "g" } = {}): Buffer {
  const block = Buffer.alloc(512);
  block.write("pax_global_header");
  block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  block.write(type, 156);
  return Buffer.concat([block, Buffer.from(records), Buffer.alloc(512 - (records.length % 512))]);
}
const record = (text: string): string => `${text.length + 4} ${text}\n`;
const of = (tar: Uint8Array): Promise<string | undefined> => readCommit(pieces(gzipSync(tar)));
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
}

test("the comment of the first header is the commit, of either hash", async () => {
  expect(await of(header(record(`comment=${commit}`)))).toBe(commit);
  expect(await of(header(record(`comment=${"a".repeat(64)}`)))).toBe("a".repeat(64));
  expect(await of(header(record("mtime=1") + record(`comment=${commit}`)))).toBe(commit);
});

test.each<[string, Uint8Array]>([
  ["no comment", header(record("mtime=1"))],
  ["a comment that is no commit", header(record("comment=hello"))],
  ["a longer word that ends in a commit", header(record(`comment=x${commit}`))],
  ["a header for one file only", header(record(`comment=${commit}`), { type: "x" })],
  ["a header of no size", header(record(`comment=${commit}`), { size: 0 })],
  ["a header of a huge size", header(record(`comment=${commit}`), { size: 100_000 })],
  ["nothing", Buffer.alloc(0)],
  ["half a header", Buffer.alloc(300, "g")],
  ["other bytes", Buffer.alloc(5000, "g")],
])("%s names no commit", async (_what, tar) => expect(await of(tar)).toBeUndefined());

test("bytes that are no gzip name no commit", async () => {
  expect(await readCommit(pieces(Buffer.from("PK\u0003\u0004 and so on")))).toBeUndefined();
  expect(await readCommit(pieces(gzipSync(header(record(`comment=${commit}`))).subarray(0, 30)))).toBeUndefined();
});

test("no more is read than the start", async () => {
  let read = 0;
  const large = gzipSync(Buffer.concat([header(record(`comment=${commit}`)), randomBytes(2 * 1024 * 1024)]));
  async function* counted(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < large.length; at += 1024) {
      read += 1;
      yield large.subarray(at, at + 1024);
    }
  }
  expect(await readCommit(counted())).toBe(commit);
  expect(read).toBeLessThan(large.length / 1024 / 4);
});

test("a source that fails is the caller's matter", async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield gzipSync("x").subarray(0, 5);
    throw new Error("the disk is gone");
  }
  await expect(readCommit(broken())).rejects.toThrow("the disk is gone");
});
