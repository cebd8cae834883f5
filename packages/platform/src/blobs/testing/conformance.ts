import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type BlobStore, BlobStoreError } from "../index.ts";

/** One storage and what can happen to it. A real server, which nothing may happen to, leaves that out. */
export interface BlobStoreHarness {
  /** A further connection to the same blobs, such as another process has. */
  open(): Promise<BlobStore>;
  /** What is in the storage besides whole blobs: temporary files, parts of uploads. */
  leftovers?(): Promise<string[]>;
  faults?: {
    /** The storage refuses this process from now on. */
    deny(): Promise<void>;
    /** The storage is not to be reached from now on. */
    stop(): Promise<void>;
  };
  close(): Promise<void>;
}

const MEBIBYTE = 1024 * 1024;
const maxBytes = 40 * MEBIBYTE;
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The guarantees of the port, for any driver. */
export function describeBlobStore(name: string, start: () => Promise<BlobStoreHarness>, { withFaults = true } = {}): void {
  describe(`${name}: a blob store`, () => {
    let harness: BlobStoreHarness;
    let store: BlobStore;
    let folder = "";
    const opened: BlobStore[] = [];
    const open = async (): Promise<BlobStore> => {
      const another = await harness.open();
      opened.push(another);
      return another;
    };

    beforeEach(async () => {
      // Of its own in each run, as a real server keeps what it is told.
      folder = `test/${randomBytes(8).toString("hex")}`;
      harness = await start();
      store = await open();
    });
    afterEach(async () => {
      for (const another of opened.splice(0)) await another.close();
      await harness.close();
    });

    const read = async (from: BlobStore, key: string): Promise<Buffer> => buffer(await from.openRead(key));
    const leftovers = async (): Promise<string[]> => (await harness.leftovers?.()) ?? [];

    async function* inChunks(content: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < content.length; at += chunkBytes) yield content.subarray(at, at + chunkBytes);
    }

    async function* failingAfter(bytes: number): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent < bytes; sent += 65_536) yield Buffer.alloc(Math.min(65_536, bytes - sent), 1);
      throw new Error("expected by this test");
    }

    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.alloc(65_536);
    }

    describe("a blob", () => {
      test("comes back as it was written, in whatever chunks, with its size and hash", async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 5_000 }), { maxLength: 20 }), async (chunks) => {
            const content = Buffer.concat(chunks);
            const written = await store.write(`${folder}/x`, Readable.from(chunks, { objectMode: true }), { maxBytes });
            expect(written).toEqual({ sizeBytes: content.length, sha256: sha256(content) });
            expect((await read(store, `${folder}/x`)).equals(content)).toBe(true);
          }),
          { numRuns: 20 },
        );
        expect(await leftovers()).toEqual([]);
      });

      test.each([
        ["nothing", 0],
        ["a byte", 1],
        ["5 MiB", 5 * MEBIBYTE],
        ["8 MiB less a byte", 8 * MEBIBYTE - 1],
        ["8 MiB", 8 * MEBIBYTE],
        ["8 MiB and a byte", 8 * MEBIBYTE + 1],
        ["16 MiB", 16 * MEBIBYTE],
        ["25 MiB and a byte", 25 * MEBIBYTE + 1],
      ])("of %s comes back to another connection, whole", async (_, bytes) => {
        const content = randomBytes(bytes);
        const written = await store.write(`${folder}/x`, inChunks(content, 60_000), { maxBytes: bytes });
        expect(written).toEqual({ sizeBytes: bytes, sha256: sha256(content) });
        expect((await read(await open(), `${folder}/x`)).equals(content)).toBe(true);
        expect(await leftovers()).toEqual([]);
      });

      test("comes back whole from a source with one large chunk, and from one that uses its buffer again", async () => {
        const content = randomBytes(20 * MEBIBYTE);
        await store.write(`${folder}/one`, Readable.from([content]), { maxBytes });
        expect((await read(store, `${folder}/one`)).equals(content)).toBe(true);
        const again = async function* (): AsyncGenerator<Uint8Array> {
          const reused = Buffer.alloc(3);
          for (let index = 0; index < 4; index++) yield reused.fill(index);
        };
        await store.write(`${folder}/reused`, again(), { maxBytes });
        expect([...(await read(store, `${folder}/reused`))]).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
      });

      test("is replaced as a whole", async () => {
        await store.write(`${folder}/x`, inChunks(randomBytes(9 * MEBIBYTE), 65_536), { maxBytes });
        await store.write(`${folder}/x`, Readable.from([Buffer.from("young")]), { maxBytes });
        expect((await read(store, `${folder}/x`)).toString()).toBe("young");
      });

      test("exists from its write to its deletion, and deleting twice is fine", async () => {
        const key = `${folder}/a/b`;
        expect(await store.exists(key)).toBe(false);
        await store.write(key, Readable.from([Buffer.from("x")]), { maxBytes });
        expect([await store.exists(key), await store.exists(`${folder}/a`)]).toEqual([true, false]);
        await store.delete(key);
        await store.delete(key);
        expect(await store.exists(key)).toBe(false);
        await expect(store.openRead(key)).rejects.toMatchObject({ name: "BlobStoreError", code: "not_found" });
      });

      test("written by 8 at once is one of them", async () => {
        const contents = Array.from({ length: 8 }, (_, index) => Buffer.alloc(50_000, index));
        const stores = [store, await open()];
        await Promise.all(
          contents.map((content, index) => (stores[index % 2] ?? store).write(`${folder}/x`, Readable.from([content]), { maxBytes })),
        );
        const result = await read(store, `${folder}/x`);
        expect(contents.some((content) => content.equals(result))).toBe(true);
        expect(await leftovers()).toEqual([]);
      });

      test("is its own for each of 20 keys that are written and read at once", async () => {
        const contents = Array.from({ length: 20 }, () => randomBytes(100_000));
        await Promise.all(contents.map((content, index) => store.write(`${folder}/${index}`, inChunks(content, 9_000), { maxBytes })));
        const results = await Promise.all(contents.map((_, index) => read(store, `${folder}/${index}`)));
        expect(results.map((result, index) => result.equals(contents[index] ?? Buffer.alloc(0)))).toEqual(contents.map(() => true));
      });
    });

    describe("a write that fails", () => {
      const cases: [string, () => AsyncIterable<Uint8Array>, number, string][] = [
        ["too large by a byte", () => Readable.from([Buffer.alloc(10), Buffer.alloc(1)]), 10, "too_large"],
        ["endless, with a small limit", endless, 1_000_000, "too_large"],
        ["endless, with a large limit", endless, 20 * MEBIBYTE, "too_large"],
        ["a source that fails early", () => failingAfter(100), maxBytes, "source_failed"],
        ["a source that fails late", () => failingAfter(20 * MEBIBYTE), maxBytes, "source_failed"],
        ["a stream that fails late", () => Readable.from(failingAfter(20 * MEBIBYTE)), maxBytes, "source_failed"],
      ];
      test.each(cases)("leaves nothing, and what was there stays: %s", async (_, source, limit, code) => {
        await store.write(`${folder}/old`, Readable.from([Buffer.from("old")]), { maxBytes });
        await expect(store.write(`${folder}/old`, source(), { maxBytes: limit })).rejects.toMatchObject({ name: "BlobStoreError", code });
        await expect(store.write(`${folder}/new`, source(), { maxBytes: limit })).rejects.toMatchObject({ name: "BlobStoreError", code });
        expect((await read(store, `${folder}/old`)).toString()).toBe("old");
        expect(await store.exists(`${folder}/new`)).toBe(false);
        expect(await leftovers()).toEqual([]);
      });

      test.each([
        ["early", 11, 10],
        ["late", 9 * MEBIBYTE, 8 * MEBIBYTE + 1],
      ])("leaves its source open: %s", async (_, bytes, limit) => {
        const source = new Readable({ read: () => undefined });
        source.push(Buffer.alloc(bytes));
        await expect(store.write(`${folder}/x`, source, { maxBytes: limit })).rejects.toMatchObject({ code: "too_large" });
        expect(source.destroyed).toBe(false);
        source.destroy();
      });
    });

    test.each([
      "",
      "/",
      "a/",
      "/a",
      "a//b",
      ".",
      "..",
      "a/../b",
      "a/.b",
      "A",
      "a\\b",
      "a b",
      "a\u0000b",
      "é",
      "a?b",
      "a#b",
      "a%2e",
      "a".repeat(129),
      `${"a/".repeat(8)}a`,
    ])("has no key like %j", async (key) => {
      const refused = { name: "BlobStoreError", code: "invalid_key" };
      await expect(store.write(key, Readable.from([Buffer.from("x")]), { maxBytes })).rejects.toMatchObject(refused);
      await expect(store.openRead(key)).rejects.toMatchObject(refused);
      await expect(store.exists(key)).rejects.toMatchObject(refused);
      await expect(store.delete(key)).rejects.toMatchObject(refused);
    });

    test("is healthy", async () => {
      await expect(store.healthcheck()).resolves.toBeUndefined();
    });

    describe.runIf(withFaults)("in trouble", () => {
      const faults = (): NonNullable<BlobStoreHarness["faults"]> => {
        if (harness.faults === undefined) throw new Error("this harness has no faults");
        return harness.faults;
      };

      const everyMethod = (): Record<string, () => Promise<unknown>> => ({
        write: () => store.write(`${folder}/x`, Readable.from([Buffer.from("x")]), { maxBytes }),
        writeLarge: () => store.write(`${folder}/large`, inChunks(Buffer.alloc(9 * MEBIBYTE), 65_536), { maxBytes }),
        openRead: () => store.openRead(`${folder}/x`),
        exists: () => store.exists(`${folder}/x`),
        delete: () => store.delete(`${folder}/x`),
        healthcheck: () => store.healthcheck(),
      });

      async function codes(): Promise<unknown[]> {
        const outcomes = Object.values(everyMethod()).map(async (call) => {
          const error: unknown = await call().catch((caught: unknown) => caught);
          return error instanceof BlobStoreError ? error.code : "did not fail as it should";
        });
        return [...new Set(await Promise.all(outcomes))];
      }

      test("says that it is denied, from every method", async () => {
        await store.write(`${folder}/x`, Readable.from([Buffer.from("x")]), { maxBytes });
        await faults().deny();
        expect(await codes()).toEqual(["denied"]);
        await expect(harness.open()).rejects.toMatchObject({ name: "BlobStoreError", code: "denied" });
      });

      test("says that it is not available, from every method", async () => {
        await store.write(`${folder}/x`, Readable.from([Buffer.from("x")]), { maxBytes });
        await faults().stop();
        expect(await codes()).toEqual(["unavailable"]);
        await expect(harness.open()).rejects.toMatchObject({ name: "BlobStoreError", code: "unavailable" });
      });
    });
  });
}
