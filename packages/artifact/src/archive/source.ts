import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { BundleError } from "./bundle-error.ts";
import { formatBytes, type BundleLimits } from "./limits.ts";

/** A file's path, the bytes themselves, or a stream of them. */
export type ArchiveSource = string | Uint8Array | AsyncIterable<Uint8Array>;

export interface OpenedSource {
  format: "tar.gz" | "zip";
  /** Null until a stream has ended. */
  compressedBytes: number | null;
  /** All bytes from the first on; throws `LIMIT_COMPRESSED` when they are too many. */
  chunks: AsyncGenerator<Uint8Array>;
}

/** Looks at the first bytes to tell the format. @throws BundleError `ARCHIVE_FORMAT`, `LIMIT_COMPRESSED`. */
export async function openSource(source: ArchiveSource, limits: BundleLimits): Promise<OpenedSource> {
  const compressedBytes = await knownSize(source);
  if (compressedBytes !== null) requireCompressedSize(compressedBytes, limits);
  const chunks = bounded(iterate(source), limits);
  const head = await readHead(chunks);
  const format = formatOf(head);
  if (format === null) {
    await chunks.return(undefined);
    throw new BundleError("ARCHIVE_FORMAT", "The bundle is neither a gzip-compressed tar (.tar.gz) nor a zip archive.");
  }
  return { format, compressedBytes, chunks: join(head, chunks) };
}

export function requireCompressedSize(bytes: number, limits: BundleLimits): void {
  if (bytes <= limits.maxCompressedBytes) return;
  throw new BundleError(
    "LIMIT_COMPRESSED",
    `The bundle has more than ${formatBytes(limits.maxCompressedBytes)} compressed, which is the limit.`,
  );
}

async function knownSize(source: ArchiveSource): Promise<number | null> {
  if (typeof source === "string") return (await stat(source)).size;
  return source instanceof Uint8Array ? source.length : null;
}

async function* iterate(source: ArchiveSource): AsyncGenerator<Uint8Array> {
  if (source instanceof Uint8Array) yield source;
  else yield* typeof source === "string" ? createReadStream(source) : source;
}

async function* bounded(chunks: AsyncIterable<Uint8Array>, limits: BundleLimits): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.length;
    requireCompressedSize(total, limits);
    if (chunk.length > 0) yield chunk;
  }
}

async function* join(head: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield head;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

async function readHead(chunks: AsyncGenerator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < 4) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  return head;
}

function formatOf(head: Uint8Array): OpenedSource["format"] | null {
  if (head[0] === 0x1f && head[1] === 0x8b) return "tar.gz";
  // "PK", then a local header or, in an empty archive, the end record.
  if (head[0] === 0x50 && head[1] === 0x4b && ((head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6))) return "zip";
  return null;
}
