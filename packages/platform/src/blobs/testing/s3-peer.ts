import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { refuseSignature } from "../../aws/testing/signature-v4.ts";
import { HttpPeer, type PeerAnswer } from "../../testing/http-peer.ts";

interface StoredObject {
  content: Buffer;
  /** `<base64>` of a whole object, `<base64>-<parts>` of one in parts. */
  checksum: string | undefined;
}

interface UploadInParts {
  key: string;
  parts: Map<number, { content: Buffer; etag: string; checksum: string | undefined }>;
}

const MIN_PART_BYTES = 5 * 1024 * 1024;

class Refusal extends Error {
  readonly status: number;
  override readonly name: string;
  constructor(status: number, name: string) {
    super(name);
    this.status = status;
    this.name = name;
  }
}

/** S3 as its API reference describes it: one bucket in the path, signed requests and payloads, checksums, uploads in parts. */
export class S3Peer extends HttpPeer {
  readonly bucket = "whs-blobs";
  readonly region = "eu-central-1";
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, UploadInParts>();
  /** Operations in the order in which they were carried out or refused. */
  readonly operations: string[] = [];
  denied = false;
  /** Operations that fail, and with what. */
  readonly failing = new Map<string, { status: number; name: string }>();
  bucketExists = true;

  constructor() {
    super((request, body) => this.#answer(request, body));
  }

  #answer(request: IncomingMessage, body: Buffer): PeerAnswer {
    try {
      const wrong = refuseSignature(request, body, "s3", this.region);
      if (wrong !== undefined) throw new Refusal(403, wrong);
      if (this.denied) throw new Refusal(403, "AccessDenied");
      return this.#run(request, body);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${error.name}</Code><Message>refused</Message></Error>`;
      return { status: error.status, headers: { "content-type": "application/xml" }, ...(request.method === "HEAD" ? {} : { body: text }) };
    }
  }

  #run(request: IncomingMessage, body: Buffer): PeerAnswer {
    const url = new URL(request.url ?? "", "http://x");
    const [, bucket = "", ...rest] = decodeURIComponent(url.pathname).split("/");
    const key = rest.join("/");
    const uploadId = url.searchParams.get("uploadId");
    const operation = operationOf(request.method ?? "", key, url, uploadId);
    this.operations.push(operation);
    const failing = this.failing.get(operation);
    if (failing !== undefined) throw new Refusal(failing.status, failing.name);
    if (bucket !== this.bucket || !this.bucketExists) throw new Refusal(404, request.method === "HEAD" ? "NotFound" : "NoSuchBucket");
    switch (operation) {
      case "HeadBucket":
        return { status: 200 };
      case "PutObject":
        this.objects.set(key, { content: body, checksum: verifyChecksum(request, body) });
        return { status: 200, headers: { etag: etagOf(body) } };
      case "GetObject":
      case "HeadObject":
        return this.#read(request, key);
      case "DeleteObject":
        this.objects.delete(key);
        return { status: 204 };
      default:
        return this.#runUpload(operation, request, body, { key, uploadId, part: Number(url.searchParams.get("partNumber")) });
    }
  }

  #read(request: IncomingMessage, key: string): PeerAnswer {
    const object = this.objects.get(key);
    if (object === undefined) throw new Refusal(404, request.method === "HEAD" ? "NotFound" : "NoSuchKey");
    const wanted = request.headers["x-amz-checksum-mode"] === "ENABLED" && object.checksum !== undefined;
    const headers = {
      "content-length": String(object.content.length),
      etag: etagOf(object.content),
      ...(wanted ? { "x-amz-checksum-sha256": object.checksum ?? "" } : {}),
    };
    return { status: 200, headers, ...(request.method === "HEAD" ? {} : { body: object.content }) };
  }

  #runUpload(
    operation: string,
    request: IncomingMessage,
    body: Buffer,
    { key, uploadId, part }: { key: string; uploadId: string | null; part: number },
  ): PeerAnswer {
    if (operation === "CreateMultipartUpload") {
      const id = randomBytes(12).toString("hex");
      this.uploads.set(id, { key, parts: new Map() });
      return xml(
        `<InitiateMultipartUploadResult><Bucket>${this.bucket}</Bucket><Key>${key}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      );
    }
    const upload = this.uploads.get(uploadId ?? "");
    if (upload === undefined || upload.key !== key) throw new Refusal(404, "NoSuchUpload");
    if (operation === "UploadPart") {
      if (!(part >= 1 && part <= 10_000)) throw new Refusal(400, "InvalidArgument");
      const checksum = verifyChecksum(request, body);
      upload.parts.set(part, { content: body, etag: etagOf(body), checksum });
      return { status: 200, headers: { etag: etagOf(body), ...(checksum === undefined ? {} : { "x-amz-checksum-sha256": checksum }) } };
    }
    this.uploads.delete(uploadId ?? "");
    if (operation === "AbortMultipartUpload") return { status: 204 };
    this.objects.set(key, assemble(upload, body.toString("utf8")));
    return xml(
      `<CompleteMultipartUploadResult><Bucket>${this.bucket}</Bucket><Key>${key}</Key><ETag>"x-1"</ETag></CompleteMultipartUploadResult>`,
    );
  }
}

function operationOf(method: string, key: string, url: URL, uploadId: string | null): string {
  if (key === "" && method === "HEAD") return "HeadBucket";
  const inParts = uploadId !== null;
  const names: Record<string, string> = {
    PUT: inParts ? "UploadPart" : "PutObject",
    GET: "GetObject",
    HEAD: "HeadObject",
    DELETE: inParts ? "AbortMultipartUpload" : "DeleteObject",
    POST: inParts ? "CompleteMultipartUpload" : url.searchParams.has("uploads") ? "CreateMultipartUpload" : "",
  };
  const name = names[method];
  if (name === undefined || name === "" || key === "") throw new Refusal(405, "MethodNotAllowed");
  return name;
}

/** Takes the parts that the client lists, in its order, if they are what was uploaded. */
function assemble({ parts }: UploadInParts, request: string): StoredObject {
  const listed = [...request.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = ""]) => ({
    number: Number(/<PartNumber>(\d+)<\/PartNumber>/.exec(part)?.[1]),
    etag: (/<ETag>(.*?)<\/ETag>/.exec(part)?.[1] ?? "").replaceAll("&quot;", '"'),
    checksum: /<ChecksumSHA256>(.*?)<\/ChecksumSHA256>/.exec(part)?.[1],
  }));
  const numbers = listed.map(({ number }) => number);
  if (listed.length === 0 || numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0)))
    throw new Refusal(400, "InvalidPartOrder");
  const stored = listed.map(({ number, etag, checksum }, index) => {
    const part = parts.get(number);
    if (part === undefined || part.etag !== etag || part.checksum !== checksum) throw new Refusal(400, "InvalidPart");
    if (index < listed.length - 1 && part.content.length < MIN_PART_BYTES) throw new Refusal(400, "EntityTooSmall");
    return part;
  });
  const sums = Buffer.concat(stored.map(({ checksum = "" }) => Buffer.from(checksum, "base64")));
  const composite = `${createHash("sha256").update(sums).digest("base64")}-${stored.length}`;
  return { content: Buffer.concat(stored.map(({ content }) => content)), checksum: composite };
}

/** Only sums that are stated as a header; what is chunked for a trailer is not taken, as by some storages. */
function verifyChecksum(request: IncomingMessage, body: Buffer): string | undefined {
  if (request.headers["content-encoding"] !== undefined || request.headers["x-amz-trailer"] !== undefined)
    throw new Refusal(501, "NotImplemented");
  const stated = request.headers["x-amz-checksum-sha256"];
  if (stated === undefined) return undefined;
  if (stated !== createHash("sha256").update(body).digest("base64")) throw new Refusal(400, "BadDigest");
  return stated;
}

function etagOf(content: Buffer): string {
  return `"${createHash("md5").update(content).digest("hex")}"`;
}

function xml(body: string): PeerAnswer {
  return { status: 200, headers: { "content-type": "application/xml" }, body: `<?xml version="1.0" encoding="UTF-8"?>${body}` };
}
