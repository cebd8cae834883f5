import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { on, once } from "node:events";
import { chmodSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer, request as httpRequest } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigurationError } from "../config/index.ts";
import { openFileBlobStore } from "./file-store.ts";
import { asNobody } from "../testing/as-nobody.ts";
import { type BlobStore, BlobStoreError, openBlobStore } from "./index.ts";
import { describeBlobStore } from "./testing/conformance.ts";

let directory = "";
let store: Awaited<ReturnType<typeof openFileBlobStore>>;
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "whs-blobs-"));
  store = await openFileBlobStore(directory);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(directory, { recursive: true });
});

let takeBackRights: (() => void) | undefined;
describeBlobStore("file", async () => ({
  open: () => openBlobStore(directory),
  leftovers,
  faults: {
    deny: async () => {
      takeBackRights = asNobody();
      if (takeBackRights !== undefined) return;
      chmodSync(directory, 0o000);
      takeBackRights = () => chmodSync(directory, 0o700);
    },
    stop: async () => {
      await rm(directory, { recursive: true });
      await writeFile(directory, "a file where the directory was");
    },
  },
  close: async () => {
    takeBackRights?.();
    takeBackRights = undefined;
  },
}));

const maxBytes = 1_000_000;
const read = async (from: BlobStore, key: string) => buffer(await from.openRead(key));
const leftovers = (): Promise<string[]> => readdir(join(directory, "tmp"));
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function* failing(after: Uint8Array): AsyncGenerator<Uint8Array> {
  yield after;
  throw new Error("expected by this test");
}

describe("a blob", () => {
  test("comes back as it was written, in whatever chunks, with its size and hash", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 5_000 }), { maxLength: 20 }), async (chunks) => {
        const content = Buffer.concat(chunks);
        expect(await store.write("uploads/upl_1", Readable.from(chunks, { objectMode: true }), { maxBytes })).toEqual({
          sizeBytes: content.length,
          sha256: sha256(content),
        });
        expect(await read(store, "uploads/upl_1")).toEqual(content);
        expect(await readFile(store.localPath("uploads/upl_1"))).toEqual(content);
      }),
      { numRuns: 30 },
    );
    expect(await leftovers()).toEqual([]);
  });

  test("is replaced as a whole, while a reader of the old one reads on", async () => {
    const [old, young] = [randomBytes(300_000), randomBytes(10)];
    await store.write("k", Readable.from([old]), { maxBytes });
    const reading = await store.openRead("k");
    await store.write("k", Readable.from([young]), { maxBytes });
    expect(await buffer(reading)).toEqual(old);
    expect(await read(store, "k")).toEqual(young);
  });

  test("exists from its write to its deletion, and deleting twice is fine", async () => {
    expect(await store.exists("a/b")).toBe(false);
    await store.write("a/b", Readable.from([Buffer.from("x")]), { maxBytes });
    expect(await store.exists("a/b")).toBe(true);
    await store.delete("a/b");
    await store.delete("a/b");
    expect(await store.exists("a/b")).toBe(false);
    await expect(store.openRead("a/b")).rejects.toMatchObject({ name: "BlobStoreError", code: "not_found" });
  });

  test("written by many at once is one of them", async () => {
    const contents = Array.from({ length: 8 }, (_, i) => Buffer.alloc(50_000, i));
    await Promise.all(contents.map((content) => store.write("same/key", Readable.from([content]), { maxBytes })));
    expect(contents).toContainEqual(await read(store, "same/key"));
    expect(await leftovers()).toEqual([]);
  });

  test("is there in full when a process that wrote it was killed, and half ones are not there at all", async () => {
    const code = `
      import { openBlobStore } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
      const store = await openBlobStore(process.argv[1]);
      for (let i = 0; ; i++) {
        const chunks = async function* () { for (let part = 0; part < 16; part++) yield Buffer.alloc(4096, i); };
        const { sha256 } = await store.write("blobs/" + i, chunks(), { maxBytes: 65536 });
        process.send({ key: "blobs/" + i, sha256 });
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code, directory], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    children.push(child);
    const written: { key: string; sha256: string }[] = [];
    for await (const [message] of on(child, "message", { close: ["exit"] })) {
      written.push(message as { key: string; sha256: string });
      if (written.length === 25) child.kill("SIGKILL");
    }
    expect(written.length).toBeGreaterThanOrEqual(25);
    for (const { key, sha256: expected } of written) expect(sha256(await read(store, key))).toBe(expected);
    for (const name of await readdir(join(directory, "blobs", "blobs"))) expect(await read(store, `blobs/${name}`)).toHaveLength(65_536);
  });
});

describe("a write that fails", () => {
  test.each([
    ["too large in one chunk", () => Readable.from([Buffer.alloc(11)]), "too_large"],
    ["too large by a byte at the end", () => Readable.from([Buffer.alloc(10), Buffer.alloc(1)]), "too_large"],
    ["endless", () => Readable.from(endless()), "too_large"],
    ["a source that fails", () => failing(Buffer.alloc(5)), "source_failed"],
    ["a stream destroyed on its way", destroyedStream, "source_failed"],
  ])("leaves nothing, and what was there stays: %s", async (_, source, code) => {
    await store.write("k", Readable.from([Buffer.from("old")]), { maxBytes });
    await expect(store.write("k", source(), { maxBytes: 10 })).rejects.toMatchObject({ name: "BlobStoreError", code });
    await expect(store.write("fresh", source(), { maxBytes: 10 })).rejects.toBeInstanceOf(BlobStoreError);
    expect((await read(store, "k")).toString()).toBe("old");
    expect(await store.exists("fresh")).toBe(false);
    expect(await leftovers()).toEqual([]);
  });

  test("accepts exactly the limit", async () => {
    expect(await store.write("k", Readable.from([Buffer.alloc(10)]), { maxBytes: 10 })).toMatchObject({ sizeBytes: 10 });
    expect(await store.write("empty", Readable.from([]), { maxBytes: 0 })).toMatchObject({ sizeBytes: 0 });
  });

  test("leaves its source open", async () => {
    const source = new Readable({ read: () => undefined });
    source.push(Buffer.alloc(11));
    await expect(store.write("k", source, { maxBytes: 10 })).rejects.toMatchObject({ code: "too_large" });
    expect(source.destroyed).toBe(false);
    source.destroy();
  });

  test("keeps the connection open on which the refusal is answered", async () => {
    const server = createServer((request, response) => {
      void store.write("k", request, { maxBytes: 1_000 }).catch((error: unknown) => {
        response.writeHead(413).end(error instanceof BlobStoreError ? error.code : "other");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const sent = httpRequest({ port: (server.address() as AddressInfo).port, method: "POST" });
      sent.on("error", () => undefined);
      sent.write(Buffer.alloc(5_000));
      const [response] = (await once(sent, "response")) as [Readable & { statusCode: number }];
      expect([response.statusCode, (await buffer(response)).toString()]).toEqual([413, "too_large"]);
      sent.destroy();
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  test("an upload whose client goes away leaves nothing", async () => {
    const outcome = Promise.withResolvers<unknown>();
    const server = createServer((request) => {
      store.write("k", request, { maxBytes }).then(outcome.resolve, outcome.resolve);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n${"x".repeat(100)}`);
    await once(server, "request");
    socket.destroy();
    expect(await outcome.promise).toMatchObject({ name: "BlobStoreError", code: "source_failed" });
    expect([await store.exists("k"), await leftovers()]).toEqual([false, []]);
    server.close();
  });

  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(7);
  }

  function destroyedStream(): Readable {
    const stream = new Readable({ read: () => undefined });
    stream.push(Buffer.alloc(5));
    setImmediate(() => stream.destroy());
    return stream;
  }
});

describe("a key", () => {
  const unsafe = [
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    ".",
    "..",
    "a/../b",
    "../b",
    "a/.b",
    ".hidden",
    "A",
    "a\\b",
    "a b",
    "a\u0000b",
    "é",
    "a\n",
    "a".repeat(129),
    "a/".repeat(8) + "a",
    "c:d",
    "a%2e",
  ];
  test.each(unsafe)("that is not safe is refused by every method: %j", async (key) => {
    const refused = { name: "BlobStoreError", code: "invalid_key" };
    await expect(store.write(key, Readable.from([Buffer.from("x")]), { maxBytes })).rejects.toMatchObject(refused);
    await expect(store.openRead(key)).rejects.toMatchObject(refused);
    await expect(store.exists(key)).rejects.toMatchObject(refused);
    await expect(store.delete(key)).rejects.toMatchObject(refused);
    expect(() => store.localPath(key)).toThrow(BlobStoreError);
  });

  test("never leads out of the store's directory", () => {
    const anyKey = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom("a", ".", "..", "/", "\\", "~", "%2e", "\u0000")).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(anyKey, (key) => {
        expect(placeOf(key) ?? "refused").toMatch(/^refused$|^inside$/);
      }),
      { numRuns: 2_000 },
    );
  });

  /** Whether a key's file is inside the store; undefined when the key is refused. */
  function placeOf(key: string): "inside" | "outside" | undefined {
    try {
      return store.localPath(key).startsWith(`${join(directory, "blobs")}/`) ? "inside" : "outside";
    } catch (error) {
      if (error instanceof BlobStoreError && error.code === "invalid_key") return undefined;
      throw error;
    }
  }

  test("below another blob is refused, and both ways leave what was there", async () => {
    await store.write("a", Readable.from([Buffer.from("x")]), { maxBytes });
    await expect(store.write("a/b", Readable.from([Buffer.from("y")]), { maxBytes })).rejects.toMatchObject({ code: "invalid_key" });
    await store.write("c/d", Readable.from([Buffer.from("x")]), { maxBytes });
    await expect(store.write("c", Readable.from([Buffer.from("y")]), { maxBytes })).rejects.toMatchObject({ code: "invalid_key" });
    await store.delete("c");
    await expect(store.openRead("c")).rejects.toMatchObject({ code: "not_found" });
    await expect(store.openRead("a/b")).rejects.toMatchObject({ code: "not_found" });
    expect([(await read(store, "a")).toString(), await store.exists("c/d"), await store.exists("a/b"), await leftovers()]).toEqual([
      "x",
      true,
      false,
      [],
    ]);
  });
});

describe("the store", () => {
  test("sweeps temporary files that are older than a day, when it opens and as it works", async () => {
    let nowMs = Date.now();
    const [old, young] = [join(directory, "tmp", "old.tmp"), join(directory, "tmp", "young.tmp")];
    const leave = async (path: string, ageMs: number) => {
      await writeFile(path, "x");
      await utimes(path, (nowMs - ageMs) / 1000, (nowMs - ageMs) / 1000);
    };
    await leave(old, 24.1 * 3_600_000);
    await leave(young, 23.9 * 3_600_000);
    const reopened = await openFileBlobStore(directory, () => nowMs);
    expect(await leftovers()).toEqual(["young.tmp"]);
    nowMs += 2 * 3_600_000;
    await reopened.write("k", Readable.from([Buffer.from("x")]), { maxBytes });
    expect(await leftovers()).toEqual([]);
  });

  test("opens by file URL and by path, and both see the same blobs", async () => {
    await store.write("k", Readable.from([Buffer.from("x")]), { maxBytes });
    for (const url of [`file://${directory}`, `file:${directory}`, directory])
      expect(await (await openBlobStore(url)).exists("k")).toBe(true);
  });

  test.each([
    ["gs://key:secret@bucket/x", /gs: are not available in this version/],
    ["HTTPS://x", /https:/],
    ["", /BLOB_URL is empty/],
    ["file://host/x", /without a host/],
  ])("does not start with BLOB_URL %j and says why, without repeating the URL", async (url, message) => {
    const error: unknown = await openBlobStore(url).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as ConfigurationError).message).toMatch(message);
    expect((error as ConfigurationError).message).not.toContain("secret");
  });

  test("takes further drivers by scheme", async () => {
    expect(await openBlobStore("gs://bucket", {}, { "gs:": () => Promise.resolve(store) })).toBe(store);
  });

  test("is healthy until its directory is gone", async () => {
    await store.healthcheck();
    await rm(join(directory, "tmp"), { recursive: true });
    await expect(store.healthcheck()).rejects.toMatchObject({ name: "BlobStoreError", code: "unavailable" });
    await expect(store.write("k", Readable.from([]), { maxBytes })).rejects.toMatchObject({ name: "BlobStoreError", code: "unavailable" });
  });

  test("does not open where there can be no directory", async () => {
    await writeFile(join(directory, "file"), "");
    await expect(openBlobStore(join(directory, "file", "below"))).rejects.toMatchObject({ name: "BlobStoreError", code: "unavailable" });
    await mkdir(join(directory, "linked"));
    await symlink(join(directory, "linked"), join(directory, "link"));
    await expect(openBlobStore(join(directory, "link"))).resolves.toBeDefined();
  });
});
