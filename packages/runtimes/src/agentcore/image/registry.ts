/** A client of the OCI distribution API: what it takes to push and pull images, streaming, checked by digest. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { type Dispatcher, request } from "undici";
import { MANIFEST_TYPE } from "./image.ts";
import { type Descriptor, sha256 } from "./layer.ts";
import { RegistryAuth, type RegistryCredentials } from "./registry-auth.ts";

/** The registry did not do what it was asked to. `retryable` where another try may help. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly status: number;
  readonly retryable: boolean;
  constructor(message: string, status: number, cause?: unknown) {
    super(message, { cause });
    this.status = status;
    this.retryable = status === 0 || status === 408 || status === 429 || status >= 500;
  }
}

export interface RegistryOptions {
  /** `https://host[:port]`; http for loopback. */
  origin: string;
  credentials?: () => Promise<RegistryCredentials | null>;
  /** Bytes of one request of an upload. */
  chunkBytes?: number;
  /** Milliseconds before the first repetition. */
  backoffMs?: number;
}
export interface BlobSource extends Descriptor {
  open(offset: number): Promise<Readable>;
}

const INDEX_TYPES = ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
const MANIFEST_TYPES = [MANIFEST_TYPE, "application/vnd.docker.distribution.manifest.v2+json", ...INDEX_TYPES];
const CHUNK_BYTES = 16 * 1024 * 1024;
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_REDIRECTS = 4;
/** Failures in a row, without a byte of progress between them. */
const MAX_FAILURES = 5;
const TIMEOUT_MS = 60_000;

export class Registry {
  readonly origin: string;
  private readonly auth: RegistryAuth;
  private readonly chunkBytes: number;
  private readonly backoffMs: number;

  constructor(options: RegistryOptions) {
    this.origin = options.origin.replace(/\/$/, "");
    this.auth = new RegistryAuth(options.credentials ?? null);
    this.chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
    this.backoffMs = options.backoffMs ?? 250;
  }

  async hasBlob(repository: string, digest: string): Promise<boolean> {
    return this.exists(repository, `blobs/${digest}`);
  }

  async hasManifest(repository: string, reference: string): Promise<boolean> {
    return this.exists(repository, `manifests/${reference}`, { accept: MANIFEST_TYPES.join(", ") });
  }

  /** @throws RegistryError; also when the bytes are not those of the digest. */
  async manifest(repository: string, reference: string): Promise<{ bytes: Buffer; isIndex: boolean }> {
    const response = await this.get(repository, `manifests/${reference}`, { accept: MANIFEST_TYPES.join(", ") });
    const bytes = await collect(response.body, MAX_MANIFEST_BYTES);
    if (reference.startsWith("sha256:") && sha256(bytes) !== reference)
      throw new RegistryError(`The registry sent another manifest than ${reference}.`, 502);
    const mediaType = (JSON.parse(bytes.toString("utf8")) as { mediaType?: string }).mediaType ?? header(response, "content-type");
    return { bytes, isIndex: INDEX_TYPES.includes(mediaType) };
  }

  /** The blob's bytes from an offset on; the stream fails at its end when, read from its start, they are not those of the digest. */
  async openBlob(repository: string, blob: Descriptor, offset = 0): Promise<Readable> {
    const response = await this.get(repository, `blobs/${blob.digest}`, offset === 0 ? {} : { range: `bytes=${offset}-` });
    if (offset > 0 && response.statusCode !== 206)
      throw new RegistryError("The registry does not send a part of a blob.", response.statusCode);
    return offset > 0 ? response.body : (response.body.compose(checked(blob)) as Readable);
  }

  async blob(repository: string, blob: Descriptor, maxBytes: number): Promise<Buffer> {
    return collect(await this.openBlob(repository, blob), maxBytes);
  }

  /**
   * Sends a blob unless the registry has it, or can take it from another of its repositories. An upload that breaks goes on
   * where the registry says it stopped.
   */
  async pushBlob(repository: string, blob: BlobSource, mountFrom?: string): Promise<"exists" | "mounted" | "pushed"> {
    let failures = 0;
    for (;;) {
      try {
        if (await this.hasBlob(repository, blob.digest)) return "exists";
        const location = await this.startUpload(repository, blob.digest, mountFrom);
        if (location === null) return "mounted";
        await this.upload(repository, location, blob);
        return "pushed";
      } catch (error) {
        failures += 1;
        // 404: the registry has forgotten the upload, so it begins anew.
        if (!(error instanceof RegistryError) || !(error.retryable || error.status === 404) || failures >= MAX_FAILURES) throw error;
        await pause(this.backoffMs * 2 ** failures);
      }
    }
  }

  /** @param reference a tag, or the manifest's digest. */
  async pushManifest(repository: string, reference: string, bytes: Buffer): Promise<void> {
    let failures = 0;
    for (;;) {
      try {
        const response = await this.send(repository, "PUT", this.url(repository, `manifests/${reference}`), {
          headers: { "content-type": MANIFEST_TYPE },
          body: bytes,
        });
        await expectStatus(response, [201], "take the manifest");
        return;
      } catch (error) {
        failures += 1;
        if (!(error instanceof RegistryError) || !error.retryable || failures >= MAX_FAILURES) throw error;
        await pause(this.backoffMs * 2 ** failures);
      }
    }
  }

  private async startUpload(repository: string, digest: string, mountFrom: string | undefined): Promise<URL | null> {
    const url = this.url(repository, "blobs/uploads/");
    if (mountFrom !== undefined) {
      url.searchParams.set("mount", digest);
      url.searchParams.set("from", mountFrom);
    }
    const response = await this.send(repository, "POST", url, { body: "" });
    await expectStatus(response, [201, 202], "begin an upload");
    return response.statusCode === 201 ? null : this.location(response);
  }

  private async upload(repository: string, start: URL, blob: BlobSource): Promise<void> {
    let location = start;
    let offset = 0;
    let failures = 0;
    while (offset < blob.size) {
      const end = Math.min(offset + this.chunkBytes, blob.size);
      try {
        const response = await this.send(repository, "PATCH", location, {
          headers: {
            "content-type": "application/octet-stream",
            "content-length": String(end - offset),
            "content-range": `${offset}-${end - 1}`,
          },
          body: Readable.from(partOf(blob, offset, end - offset)),
        });
        await expectStatus(response, [202, 204], "take a part of a blob");
        location = this.location(response);
        offset = end;
        failures = 0;
      } catch (error) {
        failures += 1;
        if (!(error instanceof RegistryError) || !(error.retryable || error.status === 416) || failures >= MAX_FAILURES) throw error;
        await pause(this.backoffMs * 2 ** failures);
        ({ location, offset } = await this.progress(repository, location));
      }
    }
    location.searchParams.set("digest", blob.digest);
    const response = await this.send(repository, "PUT", location, { headers: { "content-type": "application/octet-stream" }, body: "" });
    await expectStatus(response, [201, 204], "finish a blob");
  }

  /** How far an upload has come, by the registry's own word. */
  private async progress(repository: string, at: URL): Promise<{ location: URL; offset: number }> {
    const response = await this.send(repository, "GET", at, {});
    await expectStatus(response, [202, 204], "say how far an upload is");
    const range = /^(?:bytes=)?0-(\d+)$/.exec(header(response, "range"));
    const last = range === null ? 0 : Number(range[1]);
    return { location: response.headers.location === undefined ? at : this.location(response), offset: last === 0 ? 0 : last + 1 };
  }

  private async exists(repository: string, path: string, headers: Record<string, string> = {}): Promise<boolean> {
    const response = await this.send(repository, "HEAD", this.url(repository, path), { headers });
    await response.body.dump();
    if (response.statusCode === 404) return false;
    // Blobs may live elsewhere; that the registry knows where is enough.
    if (response.statusCode === 200 || response.statusCode === 307 || response.statusCode === 302) return true;
    throw new RegistryError(`The registry answered ${response.statusCode} about ${path}.`, response.statusCode);
  }

  /** Follows redirects without our credentials, which are the registry's alone. */
  private async get(repository: string, path: string, headers: Record<string, string>): Promise<Dispatcher.ResponseData> {
    let response = await this.send(repository, "GET", this.url(repository, path), { headers });
    let at = this.url(repository, path);
    for (let hop = 0; [301, 302, 303, 307, 308].includes(response.statusCode); hop += 1) {
      await response.body.dump();
      const next = new URL(header(response, "location"), at);
      if (hop >= MAX_REDIRECTS || (next.protocol !== "https:" && new URL(this.origin).protocol !== "http:"))
        throw new RegistryError("The registry redirects to where it should not.", 502);
      at = next;
      response = await raw("GET", at, { headers });
    }
    await expectStatus(response, [200, 206], `send ${path}`, false);
    return response;
  }

  private url(repository: string, path: string): URL {
    return new URL(`${this.origin}/v2/${repository}/${path}`);
  }

  private location(response: Dispatcher.ResponseData): URL {
    return new URL(header(response, "location"), this.origin);
  }

  private async send(repository: string, method: Dispatcher.HttpMethod, url: URL, options: Options): Promise<Dispatcher.ResponseData> {
    if (url.origin !== new URL(this.origin).origin) return raw(method, url, options);
    const scope = `repository:${repository}:${method === "GET" || method === "HEAD" ? "pull" : "pull,push"}`;
    const authorized = async (): Promise<Dispatcher.ResponseData> => {
      const authorization = await this.auth.header(scope);
      return raw(method, url, { ...options, headers: { ...options.headers, ...(authorization === null ? {} : { authorization }) } });
    };
    const response = await authorized();
    if (response.statusCode !== 401 || options.body instanceof Readable) return response;
    const again = await this.auth.answer(header(response, "www-authenticate"), scope, this.origin);
    if (!again) return response;
    await response.body.dump();
    return authorized();
  }
}

interface Options {
  headers?: Record<string, string>;
  body?: string | Buffer | Readable;
}

async function raw(method: Dispatcher.HttpMethod, url: URL, options: Options): Promise<Dispatcher.ResponseData> {
  try {
    return await request(url, {
      method,
      headers: options.headers ?? {},
      ...(options.body === undefined ? {} : { body: options.body }),
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
  } catch (cause) {
    throw new RegistryError("The registry cannot be reached.", 0, cause);
  }
}

function header(response: Dispatcher.ResponseData, name: string): string {
  const value = response.headers[name];
  return typeof value === "string" ? value : "";
}

/** Reads an unexpected answer, and an expected one unless its body is still wanted. */
async function expectStatus(response: Dispatcher.ResponseData, expected: readonly number[], what: string, drain = true): Promise<void> {
  if (expected.includes(response.statusCode)) {
    if (drain) await response.body.dump();
    return;
  }
  const text = (await collect(response.body, 64 * 1024)).toString("utf8").slice(0, 500);
  throw new RegistryError(`The registry did not ${what}: ${response.statusCode}.`, response.statusCode, text);
}

/** Opens the blob only when it is read, so that a request that never gets that far leaves nothing open. */
async function* partOf(blob: BlobSource, offset: number, length: number): AsyncGenerator<Buffer> {
  let left = length;
  for await (const chunk of (await blob.open(offset)) as AsyncIterable<Buffer>) {
    yield chunk.subarray(0, left);
    left -= Math.min(left, chunk.length);
    if (left === 0) return;
  }
  throw new Error("A blob is shorter than its description says.");
}

function checked(blob: Descriptor): (source: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
  return async function* (source) {
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of source) {
      hash.update(chunk);
      size += chunk.length;
      if (size > blob.size) break;
      yield chunk;
    }
    if (size !== blob.size || `sha256:${hash.digest("hex")}` !== blob.digest)
      throw new RegistryError(`The registry sent other bytes than ${blob.digest}.`, 502);
  };
}

async function collect(stream: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new RegistryError(`The registry sent more than ${maxBytes} bytes.`, 502);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
