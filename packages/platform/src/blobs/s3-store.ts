import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { Readable } from "node:stream";
import { type AwsTimeouts, describeAwsError, readEndpointOptions } from "../aws/index.ts";
import { ConfigurationError } from "../config/index.ts";
import { measure, type MeasuredSource } from "./measured-source.ts";
import type { BlobStoreOptions } from "./open.ts";
import { type BlobStore, BlobStoreError, type BlobWriteOptions, requireKey, type WrittenBlob } from "./port.ts";

/** A blob of up to this size is sent in one request. The least that S3 takes for a part is 5 MiB. */
export const PART_BYTES = 8 * 1024 * 1024;
/** For one request; the SDK spaces retries out when it is throttled. */
const MAX_ATTEMPTS = 5;
/** A part of 8 MiB has a minute; a reader may pause for as long. */
const defaultTimeouts: AwsTimeouts = { connectionTimeout: 3_000, requestTimeout: 60_000, socketTimeout: 60_000 };
const OPTIONS = ["region", "endpoint", "path-style"];

interface Settings {
  client: S3Client;
  bucket: string;
  /** Empty, or ending with a slash. */
  prefix: string;
}

/**
 * Blobs as objects of S3 or a storage that speaks its API:
 * `s3://<bucket>[/<prefix>][?region=…][&endpoint=https://…][&path-style=true|false]`, with region and credentials of the
 * SDK's default chain. With an endpoint of one's own, buckets are in the path unless `path-style=false`.
 *
 * An object appears when its last byte is stored. A process that is killed during a large upload leaves invisible parts:
 * let a lifecycle rule of the bucket abort incomplete multipart uploads after a day.
 *
 * The role needs s3:GetObject, PutObject, DeleteObject and AbortMultipartUpload on the prefix, and s3:ListBucket on the
 * bucket, without which S3 says "denied" for "not there".
 * @throws ConfigurationError for a URL that cannot be used.
 * @throws BlobStoreError `denied` or `unavailable`
 */
export async function openS3BlobStore(
  url: string,
  { allowHttp = false }: BlobStoreOptions = {},
  timeouts: AwsTimeouts = defaultTimeouts,
): Promise<BlobStore> {
  const settings = readUrl(url, allowHttp, timeouts);
  const store = new S3BlobStore(settings);
  try {
    await requireRegion(settings.client);
    await store.healthcheck();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

function readUrl(text: string, allowHttp: boolean, timeouts: AwsTimeouts): Settings {
  const should = "it should be like s3://bucket/prefix?region=eu-central-1";
  if (!URL.canParse(text)) throw wrong(` is not a URL; ${should}`);
  const url = new URL(text);
  if (url.username !== "" || url.password !== "" || url.port !== "" || url.hash !== "")
    throw wrong(` must hold no credentials and no port; ${should}`);
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.hostname)) throw wrong(`: its host is not the name of a bucket; ${should}`);
  const prefix = url.pathname.replace(/^\//, "").replace(/\/$/, "");
  if (prefix !== "" && !/^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/.test(prefix))
    throw wrong(`: its prefix is of A-Z a-z 0-9 . _ -; ${should}`);
  const unknown = [...url.searchParams.keys()].filter((name) => !OPTIONS.includes(name));
  if (unknown.length > 0) throw wrong(` takes the options ${OPTIONS.join(", ")}, not ${unknown.join(", ")}`);
  const region = url.searchParams.get("region");
  if (region !== null && !/^[a-z0-9-]{2,32}$/.test(region)) throw wrong(`: its region is not one; ${should}`);
  const endpoint = readEndpointOptions("BLOB_URL", url, allowHttp);
  const pathStyle = url.searchParams.get("path-style") ?? String(endpoint.endpoint !== undefined);
  if (pathStyle !== "true" && pathStyle !== "false") throw wrong(": path-style should be true or false");
  const client = new S3Client({
    ...endpoint,
    ...(region === null ? {} : { region }),
    forcePathStyle: pathStyle === "true",
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: { ...timeouts, throwOnRequestTimeout: true },
    // Checksums are stated where they are sent. By default the SDK adds its own, which not every storage understands.
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  return { client, bucket: url.hostname, prefix: prefix === "" ? "" : `${prefix}/` };
}

function wrong(text: string): ConfigurationError {
  return new ConfigurationError(`Cannot start:\n  BLOB_URL${text}`);
}

async function requireRegion(client: S3Client): Promise<void> {
  try {
    await client.config.region();
  } catch (error) {
    throw new ConfigurationError("Cannot start:\n  BLOB_URL needs the option region, or AWS_REGION", { cause: error });
  }
}

class S3BlobStore implements BlobStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor({ client, bucket, prefix }: Settings) {
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  async write(key: string, source: AsyncIterable<Uint8Array>, { maxBytes }: BlobWriteOptions): Promise<WrittenBlob> {
    const target = this.#target(key);
    const measuredSource = measure(source, maxBytes);
    try {
      const start = await readUpTo(PART_BYTES, measuredSource.chunks);
      if (!start.ended) return await this.#writeInParts(target, start.bytes, measuredSource);
      const written = measuredSource.measured();
      // The storage computes the same sum and refuses what arrived otherwise.
      const ChecksumSHA256 = Buffer.from(written.sha256, "hex").toString("base64");
      await this.#client.send(new PutObjectCommand({ ...target, Body: start.bytes, ChecksumSHA256 }));
      return written;
    } catch (error) {
      throw measuredSource.failure() ?? typed("write a blob", error);
    }
  }

  async openRead(key: string): Promise<Readable> {
    const target = this.#target(key);
    try {
      const { Body } = await this.#client.send(new GetObjectCommand(target));
      if (!(Body instanceof Readable)) throw new BlobStoreError("unavailable", "The blob store answered without a blob.");
      return Body;
    } catch (error) {
      if (describeAwsError(error).name === "NoSuchKey") throw new BlobStoreError("not_found", "There is no such blob.");
      throw typed("read a blob", error);
    }
  }

  async exists(key: string): Promise<boolean> {
    const target = this.#target(key);
    try {
      await this.#client.send(new HeadObjectCommand(target));
      return true;
    } catch (error) {
      if (describeAwsError(error).status === 404) return false;
      throw typed("look for a blob", error);
    }
  }

  async delete(key: string): Promise<void> {
    const target = this.#target(key);
    try {
      await this.#client.send(new DeleteObjectCommand(target));
    } catch (error) {
      throw typed("delete a blob", error);
    }
  }

  async healthcheck(): Promise<void> {
    try {
      await this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }));
    } catch (error) {
      throw typed("use the blob store", error);
    }
  }

  close(): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }

  /** One part at a time: when one fails, none is on its way that would be stored after the upload was aborted. */
  async #writeInParts(target: Target, start: Buffer, { chunks, measured }: MeasuredSource): Promise<WrittenBlob> {
    const Body = Readable.from(startingWith(start, chunks));
    const params = { ...target, Body, ChecksumAlgorithm: "SHA256" as const };
    await new Upload({ client: this.#client, params, partSize: PART_BYTES, queueSize: 1 }).done();
    return measured();
  }

  #target(key: string): Target {
    requireKey(key);
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }
}

interface Target {
  Bucket: string;
  Key: string;
}

/** Reads until there are more bytes than `count` or no more. */
async function readUpTo(count: number, chunks: AsyncGenerator<Uint8Array>): Promise<{ bytes: Buffer; ended: boolean }> {
  const read: Uint8Array[] = [];
  let sizeBytes = 0;
  while (sizeBytes <= count) {
    const next = await chunks.next();
    if (next.done === true) return { bytes: Buffer.concat(read), ended: true };
    // The source may use its buffer again.
    read.push(Buffer.from(next.value));
    sizeBytes += next.value.length;
  }
  return { bytes: Buffer.concat(read), ended: false };
}

async function* startingWith(start: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield start;
  yield* rest;
}

function typed(what: string, error: unknown): BlobStoreError {
  if (error instanceof BlobStoreError) return error;
  const { denied, text } = describeAwsError(error);
  return new BlobStoreError(denied ? "denied" : "unavailable", `Cannot ${what}: ${text}.`, { cause: error });
}
