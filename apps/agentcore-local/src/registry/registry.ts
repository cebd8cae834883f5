/** The OCI distribution API: https://github.com/opencontainers/distribution-spec/blob/main/spec.md */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { Logger } from "@whs/platform/log";
import { z } from "zod";
import { type Credentials, equal } from "../http/sigv4.ts";
import type { BlobStore } from "./blobs.ts";
import { RegistryError } from "./registry-error.ts";

const NAME = "([a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)";
const BLOB = new RegExp(`^/v2/${NAME}/blobs/([^/]+)$`);
const UPLOADS = new RegExp(`^/v2/${NAME}/blobs/uploads/?$`);
const UPLOAD = new RegExp(`^/v2/${NAME}/blobs/uploads/([^/]+)$`);
const MANIFEST = new RegExp(`^/v2/${NAME}/manifests/([^/]+)$`);
const TAGS = new RegExp(`^/v2/${NAME}/tags/list$`);
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const MAX_NAME = 200;
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const DEFAULT_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

const descriptor = z.object({ digest: z.string() });
const manifestSchema = z.object({
  mediaType: z.string().max(200).optional(),
  config: descriptor.optional(),
  layers: z.array(descriptor).max(1000).optional(),
  manifests: z.array(descriptor).max(1000).optional(),
});

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  query: URLSearchParams;
}

export class Registry {
  private readonly blobs: BlobStore;
  private readonly credentials: Credentials;
  private readonly logger: Logger;

  constructor(blobs: BlobStore, credentials: Credentials, logger: Logger) {
    this.blobs = blobs;
    this.credentials = credentials;
    this.logger = logger;
  }

  /** @returns false when the request is for somebody else. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const [path = "", search = ""] = (request.url ?? "/").split("?", 2);
    if (path !== "/v2" && !path.startsWith("/v2/")) return false;
    response.setHeader("docker-distribution-api-version", "registry/2.0");
    try {
      if (!isAuthorized(request, this.credentials)) throw new RegistryError("UNAUTHORIZED", "Basic authentication is required.");
      await this.answer(path, { request, response, query: new URLSearchParams(search) });
    } catch (error) {
      this.fail(request, response, error);
    }
    return true;
  }

  private async answer(path: string, exchange: Exchange): Promise<void> {
    if (path === "/v2" || path === "/v2/") return end(exchange.response, 200, {}, "{}");
    const routes: readonly [RegExp, (repository: string, rest: string) => Promise<void>][] = [
      [UPLOADS, (repository) => this.startUpload(repository, exchange)],
      [UPLOAD, (repository, id) => this.upload(repository, id, exchange)],
      [BLOB, (repository, digest) => this.blob(repository, digest, exchange)],
      [MANIFEST, (repository, reference) => this.manifest(repository, decodeURIComponent(reference), exchange)],
      [TAGS, (repository) => this.tags(repository, exchange)],
    ];
    for (const [pattern, handler] of routes) {
      const match = pattern.exec(path);
      if (match === null) continue;
      const [, repository = "", rest = ""] = match;
      if (repository.length > MAX_NAME) throw new RegistryError("NAME_INVALID", `A repository's name has at most ${MAX_NAME} characters.`);
      return handler(repository, rest);
    }
    throw new RegistryError("NAME_UNKNOWN", "There is no such path.");
  }

  private async blob(repository: string, digest: string, { request, response }: Exchange): Promise<void> {
    if (request.method !== "GET" && request.method !== "HEAD")
      throw new RegistryError("UNSUPPORTED", "Blobs are removed with their manifests.");
    const size = await this.blobs.size(repository, digest);
    if (size === undefined) throw new RegistryError("BLOB_UNKNOWN", "There is no such blob.");
    const range = rangeOf(request.headers.range, size);
    const headers = { "docker-content-digest": digest, "content-type": "application/octet-stream", "accept-ranges": "bytes" };
    if (range === undefined) response.writeHead(200, { ...headers, "content-length": size });
    else
      response.writeHead(206, {
        ...headers,
        "content-length": range.end - range.start + 1,
        "content-range": `bytes ${range.start}-${range.end}/${size}`,
      });
    if (request.method === "HEAD") response.end();
    else await pipeline(this.blobs.read(digest, range), response);
  }

  private async startUpload(repository: string, { request, response, query }: Exchange): Promise<void> {
    if (request.method !== "POST") throw new RegistryError("UNSUPPORTED", "An upload is started by POST.");
    const mount = query.get("mount");
    const from = query.get("from");
    if (mount !== null && from !== null && (await this.blobs.mount(repository, from, mount)))
      return end(response, 201, { location: `/v2/${repository}/blobs/${mount}`, "docker-content-digest": mount });
    const id = await this.blobs.startUpload();
    const digest = query.get("digest");
    if (digest === null) return end(response, 202, uploadHeaders(repository, id, 0));
    await this.blobs.append(id, request, undefined);
    return this.finish(repository, id, digest, response);
  }

  private async upload(repository: string, id: string, { request, response, query }: Exchange): Promise<void> {
    const start = startOf(request.headers["content-range"]);
    switch (request.method ?? "") {
      case "GET":
        return end(response, 204, uploadHeaders(repository, id, await this.blobs.uploadedBytes(id)));
      case "PATCH":
        return end(response, 202, uploadHeaders(repository, id, await this.blobs.append(id, request, start)));
      case "PUT": {
        const digest = query.get("digest");
        if (digest === null) throw new RegistryError("DIGEST_INVALID", "The digest is missing.");
        await this.blobs.append(id, request, start);
        return this.finish(repository, id, digest, response);
      }
      case "DELETE":
        await this.blobs.cancelUpload(id);
        return end(response, 204, {});
      default:
        throw new RegistryError("UNSUPPORTED", "There is no such method.");
    }
  }

  private async finish(repository: string, id: string, digest: string, response: ServerResponse): Promise<void> {
    await this.blobs.finishUpload(repository, id, digest);
    end(response, 201, { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest });
  }

  private async manifest(repository: string, reference: string, { request, response }: Exchange): Promise<void> {
    if (request.method === "PUT") return this.putManifest(repository, reference, request, response);
    const digest = reference.startsWith("sha256:") ? reference : await this.blobs.tag(repository, checkedTag(reference));
    const type = digest === undefined ? undefined : await this.blobs.manifestType(repository, digest);
    if (digest === undefined || type === undefined) throw new RegistryError("MANIFEST_UNKNOWN", "There is no such manifest.");
    if (request.method === "DELETE") {
      await this.blobs.deleteManifest(repository, digest);
      return end(response, 202, {});
    }
    const bytes = await this.blobs.readAll(digest);
    const headers = { "content-type": type, "docker-content-digest": digest, "content-length": bytes.length };
    response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : bytes);
  }

  private async putManifest(repository: string, reference: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = await readBounded(request, MAX_MANIFEST_BYTES);
    const manifest = parseManifest(bytes);
    const needed = [manifest.config, manifest.layers, manifest.manifests].flat().filter((entry) => entry !== undefined);
    for (const { digest } of needed)
      if ((await this.blobs.size(repository, digest)) === undefined)
        throw new RegistryError("MANIFEST_BLOB_UNKNOWN", `${digest} is missing.`);
    const tag = reference.startsWith("sha256:") ? undefined : checkedTag(reference);
    const digest = await this.blobs.put(repository, bytes);
    if (tag === undefined && digest !== reference) throw new RegistryError("DIGEST_INVALID", "The manifest does not have the digest.");
    await this.blobs.markManifest(repository, digest, manifest.mediaType ?? request.headers["content-type"] ?? DEFAULT_MANIFEST_TYPE);
    if (tag !== undefined) await this.blobs.setTag(repository, tag, digest);
    end(response, 201, { location: `/v2/${repository}/manifests/${digest}`, "docker-content-digest": digest });
  }

  private async tags(repository: string, { request, response }: Exchange): Promise<void> {
    if (request.method !== "GET") throw new RegistryError("UNSUPPORTED", "Tags are only listed.");
    end(response, 200, {}, JSON.stringify({ name: repository, tags: await this.blobs.tags(repository) }));
  }

  private fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    if (!(error instanceof RegistryError)) {
      if (request.destroyed && !request.complete) return;
      this.logger.error({ err: error }, "The image registry failed");
      return end(response, 500, {}, JSON.stringify({ errors: [{ code: "UNKNOWN", message: "The registry failed." }] }));
    }
    const challenge: Record<string, string> = error.code === "UNAUTHORIZED" ? { "www-authenticate": 'Basic realm="agentcore-local"' } : {};
    // What is left of the body is not read, so the connection cannot be used again.
    const close: Record<string, string> = request.complete ? {} : { connection: "close" };
    end(response, error.status, { ...challenge, ...close }, JSON.stringify({ errors: [{ code: error.code, message: error.message }] }));
  }
}

export function isAuthorized(request: IncomingMessage, { accessKeyId, secretAccessKey }: Credentials): boolean {
  const { authorization } = request.headers;
  if (authorization === undefined) return false;
  return equal(authorization, `Basic ${Buffer.from(`${accessKeyId}:${secretAccessKey}`).toString("base64")}`);
}

function end(response: ServerResponse, status: number, headers: Readonly<Record<string, string>>, json?: string): void {
  // 204 has no length; everything else without a body says so.
  const empty: Record<string, string> = status === 204 ? {} : { "content-length": "0" };
  if (json === undefined) response.writeHead(status, { ...empty, ...headers }).end();
  else response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(json), ...headers }).end(json);
}

function uploadHeaders(repository: string, id: string, bytes: number): Record<string, string> {
  return {
    location: `/v2/${repository}/blobs/uploads/${id}`,
    "docker-upload-uuid": id,
    range: `0-${Math.max(0, bytes - 1)}`,
    "oci-chunk-min-length": "0",
  };
}

/** `Content-Range: <start>-<end>`, as the specification writes it, without a unit. */
function startOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const start = /^(?:bytes )?(\d+)-\d+/.exec(header)?.[1];
  if (start === undefined) throw new RegistryError("RANGE_INVALID", "The Content-Range is not valid.");
  return Number(start);
}

function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? "");
  if (match === null) return undefined;
  const start = Number(match[1]);
  const last = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (start > last) throw new RegistryError("RANGE_INVALID", "The range is not in the blob.");
  return { start, end: last };
}

function checkedTag(tag: string): string {
  if (!TAG.test(tag)) throw new RegistryError("MANIFEST_INVALID", "The tag is not valid.");
  return tag;
}

function parseManifest(bytes: Buffer): z.output<typeof manifestSchema> {
  try {
    return manifestSchema.parse(JSON.parse(bytes.toString("utf8")));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError)
      throw new RegistryError("MANIFEST_INVALID", "The manifest is not valid.");
    throw error;
  }
}

async function readBounded(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new RegistryError("SIZE_INVALID", `A manifest has at most ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
