import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { accessKeyId, secretAccessKey } from "../aws/testing/signature-v4.ts";
import { ConfigurationError } from "../config/index.ts";
import { type BlobStore, openBlobStore } from "./index.ts";
import { openS3BlobStore, PART_BYTES } from "./s3-store.ts";
import { describeBlobStore } from "./testing/conformance.ts";
import { S3Peer } from "./testing/s3-peer.ts";

const stores: BlobStore[] = [];
let peer: S3Peer;

beforeEach(async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", accessKeyId);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretAccessKey);
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  peer = await new S3Peer().listen();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const store of stores.splice(0)) await store.close();
  await peer.stop();
});

const urlOf = (prefix = "/prod", query = ""): string =>
  `s3://${peer.bucket}${prefix}?region=${peer.region}&endpoint=${encodeURIComponent(peer.origin)}${query}`;

async function open(url = urlOf()): Promise<BlobStore> {
  const store = await openBlobStore(url);
  stores.push(store);
  return store;
}

const maxBytes = 100_000_000;
const small = (text = "small"): Readable => Readable.from([Buffer.from(text)]);
const large = (): Readable => Readable.from([Buffer.alloc(PART_BYTES, 1), Buffer.alloc(PART_BYTES, 2), Buffer.alloc(1_000, 3)]);

describeBlobStore("s3", async () => ({
  open: () => openBlobStore(urlOf()),
  leftovers: () => Promise.resolve([...peer.uploads.keys()]),
  faults: {
    deny: async () => {
      peer.denied = true;
    },
    stop: () => peer.stop(),
  },
  close: () => peer.stop(),
}));

/** A storage of one's own, for a check beyond the peer: a URL as BLOB_URL takes it, credentials as the SDK takes them. */
const realUrl = process.env["TEST_S3_URL"];
if (realUrl !== undefined) {
  const real = { open: () => openBlobStore(realUrl), close: () => Promise.resolve() };
  describeBlobStore("a real storage", () => Promise.resolve(real), { withFaults: false });
}

describe("a request", () => {
  test("is signed: one with another key is denied", async () => {
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "another");
    await expect(open()).rejects.toMatchObject({ name: "BlobStoreError", code: "denied" });
    vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIAANOTHER");
    await expect(open()).rejects.toMatchObject({ name: "BlobStoreError", code: "denied" });
  });

  test("carries the sum of what it sends, in one piece or in parts", async () => {
    const store = await open();
    await store.write("one", small(), { maxBytes });
    await store.write("many", large(), { maxBytes });
    const sums = peer.requests.filter(({ method }) => method === "PUT").map(({ headers }) => typeof headers["x-amz-checksum-sha256"]);
    expect(sums).toEqual(["string", "string", "string", "string"]);
    expect(peer.objects.get("prod/many")?.checksum).toMatch(/-3$/);
  });

  test("is sent again when the storage is busy or the answer is lost", async () => {
    const store = await open();
    peer.instead.push({ status: 503 }, { status: 500 });
    await store.write("one", small(), { maxBytes });
    peer.loseAnswers = 1;
    await store.write("two", small(), { maxBytes });
    peer.instead.push({ status: 503 });
    expect((await buffer(await store.openRead("one"))).toString()).toBe("small");
    expect([...peer.objects.keys()]).toEqual(["prod/one", "prod/two"]);
  });

  test("that is not answered ends in time", async () => {
    const store = await openS3BlobStore(urlOf(), {}, { connectionTimeout: 1_000, requestTimeout: 50, socketTimeout: 1_000 });
    stores.push(store);
    peer.silent = true;
    await expect(store.write("one", small(), { maxBytes })).rejects.toMatchObject({ code: "unavailable" });
    await expect(store.healthcheck()).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("a write", () => {
  test.each(["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"])(
    "of many parts that the storage refuses at %s leaves nothing",
    async (operation) => {
      const store = await open();
      await store.write("x", small("old"), { maxBytes });
      peer.failing.set(operation, { status: 400, name: "InvalidRequest" });
      await expect(store.write("x", large(), { maxBytes })).rejects.toMatchObject({ name: "BlobStoreError", code: "unavailable" });
      expect(peer.objects.get("prod/x")?.content.toString()).toBe("old");
      expect([...peer.uploads]).toEqual([]);
    },
  );

  test("of many parts ends at the first that is refused, and does not read its source on", async () => {
    const store = await open();
    peer.failing.set("UploadPart", { status: 400, name: "InvalidRequest" });
    let read = 0;
    const source = async function* (): AsyncGenerator<Uint8Array> {
      for (; read < 40; read++) yield Buffer.alloc(1024 * 1024);
    };
    await expect(store.write("x", source(), { maxBytes })).rejects.toMatchObject({ code: "unavailable" });
    expect(read).toBeLessThan(40);
    expect(peer.operations.filter((operation) => operation === "UploadPart")).toHaveLength(1);
    expect(peer.operations.at(-1)).toBe("AbortMultipartUpload");
  });

  test("whose source fails says so, also when the storage then refuses to abort it", async () => {
    const store = await open();
    peer.failing.set("AbortMultipartUpload", { status: 403, name: "AccessDenied" });
    const source = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(PART_BYTES + 1);
      yield Buffer.alloc(PART_BYTES);
      throw new Error("expected by this test");
    };
    await expect(store.write("x", source(), { maxBytes })).rejects.toMatchObject({ code: "source_failed" });
    expect(peer.objects.size).toBe(0);
  });

  test("that arrives otherwise than it was sent is refused by the storage", async () => {
    const store = await open();
    peer.failing.set("PutObject", { status: 400, name: "BadDigest" });
    await expect(store.write("x", small(), { maxBytes })).rejects.toMatchObject({ code: "unavailable" });
  });

  test("goes below the prefix, or to the bucket's root without one", async () => {
    await (await open()).write("a/b", small(), { maxBytes });
    await (await open(urlOf(""))).write("a/b", small(), { maxBytes });
    await (await open(urlOf("/x/y/"))).write("a/b", small(), { maxBytes });
    expect([...peer.objects.keys()]).toEqual(["prod/a/b", "a/b", "x/y/a/b"]);
  });
});

describe("a read", () => {
  test("that is cut off fails, rather than to end early", async () => {
    const store = await open();
    const content = randomBytes(500_000);
    await store.write("x", Readable.from([content]), { maxBytes });
    peer.instead.push({ status: 200, headers: {}, body: content, cutAfterBytes: 200_000 });
    const reading = await store.openRead("x");
    await expect(buffer(reading)).rejects.toThrow(/aborted|terminated|reset|closed/i);
  });

  test("of bytes that were damaged fails", async () => {
    const store = await open();
    await store.write("x", small(), { maxBytes });
    const object = peer.objects.get("prod/x");
    if (object !== undefined) object.content = Buffer.from("smell");
    const reading = await store.openRead("x");
    await expect(buffer(reading)).rejects.toThrow(/[Cc]hecksum/);
  });

  test("of a blob that is not there differs from one of a bucket that is not there", async () => {
    const store = await open();
    await expect(store.openRead("x")).rejects.toMatchObject({ code: "not_found" });
    peer.bucketExists = false;
    await expect(store.openRead("x")).rejects.toMatchObject({ code: "unavailable" });
    await expect(store.healthcheck()).rejects.toMatchObject({ code: "unavailable" });
    await expect(open()).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("BLOB_URL", () => {
  test.each([
    ["s3://key:s3ntinel@bucket/x", /no credentials/],
    ["s3://bucket:9000/x", /no port/],
    ["s3:///x", /name of a bucket/],
    ["s3://Bucket_1/x", /name of a bucket/],
    ["s3://bucket/a//b", /prefix/],
    ["s3://bucket/x?secret=s3ntinel", /not secret/],
    ["s3://bucket/x?path-style=yes", /true or false/],
    ["s3://bucket/x?region=EU%20Central", /region/],
    ["s3://bucket/x?endpoint=http://storage.example.com", /must be https/],
    ["s3://bucket/x?endpoint=https://key:s3ntinel@storage.example.com", /without credentials/],
    ["s3://bucket/x?endpoint=ftp://storage.example.com", /should be like/],
  ])("%j stops the start, says why and does not repeat it", async (url, message) => {
    const error: unknown = await openBlobStore(url).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as ConfigurationError).message).toMatch(message);
    expect((error as ConfigurationError).message).not.toContain("s3ntinel");
  });

  test("without a region, where the environment has none either, stops the start", async () => {
    vi.stubEnv("AWS_REGION", "");
    vi.stubEnv("AWS_CONFIG_FILE", "/nonexistent");
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
    await expect(openBlobStore(`s3://${peer.bucket}/x?endpoint=${peer.origin}`)).rejects.toThrow(/needs the option region/);
  });

  test("may have an endpoint without TLS beyond loopback when the operator insists", async () => {
    const timeouts = { connectionTimeout: 200, requestTimeout: 200, socketTimeout: 200 };
    const url = "s3://bucket/x?region=eu-central-1&endpoint=http://host.invalid";
    await expect(openS3BlobStore(url, { allowHttp: true }, timeouts)).rejects.toMatchObject({
      name: "BlobStoreError",
      code: "unavailable",
    });
  });

  test("names buckets by host unless there is an endpoint of one's own", async () => {
    const timeouts = { connectionTimeout: 200, requestTimeout: 200, socketTimeout: 200 };
    const hostStyle = `${urlOf()}&path-style=false`.replace("127.0.0.1", "localhost");
    const error: unknown = await openS3BlobStore(hostStyle, {}, timeouts).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: "BlobStoreError" });
    expect(peer.requests.filter(({ url }) => url.startsWith(`/${peer.bucket}`))).toEqual([]);
  });
});
