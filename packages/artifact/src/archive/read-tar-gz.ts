import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract, type Extract, type Header } from "tar-stream";
import type { ArchiveEntry } from "./archive-entry.ts";
import { BundleError, type BundleErrorCode } from "./bundle-error.ts";
import { EntryGate } from "./entry-gate.ts";
import type { BundleLimits } from "./limits.ts";
import type { OpenedSource } from "./source.ts";

const BLOCK = 512;
/** A header, a long-name header of three blocks, padding: what honest writers need for an entry beside its content. */
const OVERHEAD_BYTES_PER_ENTRY = 8 * BLOCK;
/** Two zero blocks end a tar; writers pad up to 10 KiB, some further. */
const OVERHEAD_BYTES = 1024 * 1024;
const END_MARKER_BYTES = 2 * BLOCK;
/** Names come as bytes, so that invalid UTF-8 is seen rather than replaced. */
const TAR_OPTIONS = { filenameEncoding: "latin1", highWaterMark: 64 * 1024 };

/** Entries in the archive's order; memory use does not depend on their sizes. @throws BundleError */
export async function* readTarGz(source: OpenedSource, limits: BundleLimits): AsyncGenerator<ArchiveEntry> {
  const gate = new EntryGate(limits, source.compressedBytes);
  const tar = extract(TAR_OPTIONS);
  const feed = new TarFeed(source, limits);
  const fed = feed.run(tar);
  try {
    for await (const entry of tar as AsyncIterable<unknown>) yield* admitted(entry as TarEntry, gate, feed);
    await feed.requireEnd(fed);
    gate.finish(feed.compressedBytes);
  } catch (error) {
    throw feed.explain(error);
  } finally {
    tar.destroy();
    await fed;
  }
}

/** Brings the bytes to the tar reader, and knows afterwards whose fault an error was. */
class TarFeed {
  compressedBytes = 0;
  private readonly source: OpenedSource;
  private readonly maxTarBytes: number;
  private readonly gunzip = createGunzip();
  private sourceFailure: { error: unknown } | null = null;
  private tarBytes = 0;
  private zerosAtEnd = 0;
  private atEnd = false;

  constructor(source: OpenedSource, limits: BundleLimits) {
    this.source = source;
    this.maxTarBytes = limits.maxExtractedBytes + limits.maxEntries * OVERHEAD_BYTES_PER_ENTRY + OVERHEAD_BYTES;
  }

  /** Never rejects: gives the error, which has also ended the reader. */
  run(tar: Extract): Promise<{ error: unknown } | null> {
    return pipeline(
      this.compressed(),
      this.gunzip,
      (chunks: AsyncIterable<Uint8Array>) => this.unpacked(chunks),
      tar as unknown as Writable,
    ).then(
      () => null,
      (error: unknown) => ({ error }),
    );
  }

  async requireEnd(fed: ReturnType<TarFeed["run"]>): Promise<void> {
    const failed = await fed;
    if (failed !== null) throw failed.error;
    if (this.zerosAtEnd < END_MARKER_BYTES)
      throw new BundleError("ARCHIVE_TRUNCATED", "The tar archive ends without its end marker: it is incomplete.");
    if (this.gunzip.bytesWritten !== this.compressedBytes)
      throw new BundleError("ARCHIVE_TRAILING_DATA", "The bundle holds other data after the end of its gzip stream.");
  }

  explain(error: unknown): unknown {
    if (this.sourceFailure !== null) return this.sourceFailure.error;
    if (error instanceof BundleError) return error;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "Z_BUF_ERROR" || (this.atEnd && this.zerosAtEnd < END_MARKER_BYTES))
      return new BundleError("ARCHIVE_TRUNCATED", "The bundle ends in the middle: it is incomplete.", { cause: error });
    return new BundleError("ARCHIVE_CORRUPT", "The bundle is no valid gzip-compressed tar archive.", { cause: error });
  }

  private async *compressed(): AsyncGenerator<Uint8Array> {
    try {
      for (let next = await this.nextChunk(); next.done !== true; next = await this.nextChunk()) {
        this.compressedBytes += next.value.length;
        yield next.value;
      }
    } finally {
      await this.source.chunks.return(undefined);
    }
  }

  /** Not around the `yield`: the pipeline throws other parts' errors into its source. */
  private async nextChunk(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.source.chunks.next();
    } catch (error) {
      this.sourceFailure = { error };
      throw error;
    }
  }

  private async *unpacked(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.tarBytes += chunk.length;
      // Files are counted by the gate; this stops a flood of padding and headers.
      if (this.tarBytes > this.maxTarBytes) throw new BundleError("LIMIT_EXTRACTED", "The tar archive is mostly padding or headers.");
      const zeros = trailingZeros(chunk);
      this.zerosAtEnd = zeros === chunk.length ? this.zerosAtEnd + zeros : zeros;
      yield chunk;
    }
    this.atEnd = true;
  }
}

function trailingZeros(chunk: Uint8Array): number {
  let start = chunk.length;
  while (start > 0 && chunk[start - 1] === 0) start -= 1;
  return chunk.length - start;
}

interface TarEntry extends AsyncIterable<Uint8Array> {
  header: Header;
}
/** Its errors reach the consumer directly. A stream that was ended from outside just stops: hence the count. */
async function* contentOf(entry: TarEntry, feed: TarFeed): AsyncGenerator<Uint8Array> {
  let size = 0;
  try {
    for await (const chunk of entry) {
      size += chunk.length;
      yield chunk;
    }
    if (size !== entry.header.size) throw new Error(`The content has ${size} of ${entry.header.size} bytes.`);
  } catch (error) {
    throw feed.explain(error);
  }
}

type Pax = Readonly<Record<string, string>>;

async function* admitted(entry: TarEntry, gate: EntryGate, feed: TarFeed): AsyncGenerator<ArchiveEntry> {
  const { header } = entry;
  const pax = (header.pax ?? {}) as Pax;
  const name = nameOf(header, pax);
  const { size } = header;
  const type = typeOf(header, pax, name);
  const path = gate.admit(name, type, size);
  const chunks = contentOf(entry, feed);
  if (path !== "")
    yield {
      path,
      type,
      size,
      mode: header.mode & 0o777,
      content: () => ({ [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) }),
    };
  // What the consumer left; the next header comes after it.
  while ((await chunks.next()).done !== true);
}

function nameOf(header: Header, pax: Pax): Uint8Array | string {
  const name = pax.path;
  if (name === undefined || name === "") return Buffer.from(header.name, "latin1");
  if (name.includes("\uFFFD")) throw new BundleError("PATH_NOT_UTF8", "the name is not valid UTF-8", { entry: name });
  return name;
}

const REFUSED: Readonly<Record<string, readonly [BundleErrorCode, string]>> = {
  symlink: ["ENTRY_SYMLINK", "symbolic links are not allowed; put the file itself into the bundle"],
  link: ["ENTRY_HARD_LINK", "hard links are not allowed; put the file itself into the bundle"],
  "character-device": ["ENTRY_DEVICE", "devices are not allowed"],
  "block-device": ["ENTRY_DEVICE", "devices are not allowed"],
  fifo: ["ENTRY_FIFO", "FIFOs are not allowed"],
};

function typeOf({ type }: Header, pax: Pax, name: Uint8Array | string): ArchiveEntry["type"] {
  const entry = typeof name === "string" ? name : Buffer.from(name).toString();
  const refused = REFUSED[type];
  if (refused !== undefined) throw new BundleError(refused[0], refused[1], { entry });
  const isSparse = Object.keys(pax).some((key) => key.startsWith("GNU.sparse."));
  if ((type !== "file" && type !== "contiguous-file" && type !== "directory") || isSparse) {
    throw new BundleError("ENTRY_TYPE", "only ordinary files and directories are allowed", { entry });
  }
  // Old writers mark a directory by the slash alone.
  return type === "directory" || entry.endsWith("/") ? "directory" : "file";
}
