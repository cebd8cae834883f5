import { createInflateRaw, crc32 } from "node:zlib";
import type { Entry } from "yauzl";
import type { ArchiveEntry } from "./archive-entry.ts";
import type { BundleErrorCode } from "./bundle-error.ts";
import { EntryGate } from "./entry-gate.ts";
import type { BundleLimits } from "./limits.ts";
import type { OpenedSource } from "./source.ts";
import { readZipDirectory } from "./zip-directory.ts";
import { checkZipLayout, METHOD, refuse, type ZipData } from "./zip-layout.ts";

/**
 * Entries in the order of the central directory. The compressed bytes are held in memory, because a zip is read from its
 * end: that is bounded by `maxCompressedBytes`. @throws BundleError
 */
export async function* readZip(source: OpenedSource, limits: BundleLimits): AsyncGenerator<ArchiveEntry> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.chunks) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const gate = new EntryGate(limits, bytes.length);
  const directory = await readZipDirectory(bytes, gate);
  const data = await checkZipLayout(bytes, directory);
  for (const entry of directory.entries) {
    const region = data.get(entry) ?? { start: 0, end: 0 };
    yield* admitted(bytes, entry, region, gate);
  }
}

async function* admitted(bytes: Buffer, entry: Entry, region: ZipData, gate: EntryGate): AsyncGenerator<ArchiveEntry> {
  const mode = entry.externalFileAttributes >>> 16;
  const type = typeOf(entry, mode);
  const size = entry.uncompressedSize;
  const path = gate.admit(entry.fileNameRaw, type, size);
  const chunks = verified(entry, inflated(entry, bytes.subarray(region.start, region.end)));
  if (path !== "")
    yield { path, type, size, mode: mode & 0o777, content: () => ({ [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) }) };
  while ((await chunks.next()).done !== true);
}

async function* inflated(entry: Entry, compressed: Buffer): AsyncGenerator<Uint8Array> {
  if (entry.compressionMethod === METHOD.stored) {
    yield compressed;
    return;
  }
  const inflate = createInflateRaw();
  inflate.end(compressed);
  try {
    for await (const chunk of inflate) yield chunk as Uint8Array;
  } catch (cause) {
    throw refuse(entry, "ARCHIVE_CORRUPT", "its compressed data cannot be read", cause);
  }
  if (inflate.bytesWritten !== compressed.length) throw refuse(entry, "ENTRY_SIZE", "other data follows its compressed data");
}

/** Counts as it goes, so that a lie about the size ends the reading at the declared size. */
async function* verified(entry: Entry, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0;
  let checksum = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > entry.uncompressedSize)
      throw refuse(entry, "ENTRY_SIZE", `it holds more than the ${entry.uncompressedSize} bytes that it declares`);
    checksum = crc32(chunk, checksum);
    yield chunk;
  }
  if (size !== entry.uncompressedSize) throw refuse(entry, "ENTRY_SIZE", `it holds ${size} bytes and declares ${entry.uncompressedSize}`);
  if (checksum !== entry.crc32) throw refuse(entry, "ENTRY_CHECKSUM", "its content does not match its checksum");
}

const TYPE_MASK = 0o170000;
const REFUSED = new Map<number, readonly [BundleErrorCode, string]>([
  [0o120000, ["ENTRY_SYMLINK", "symbolic links are not allowed; put the file itself into the bundle"]],
  [0o010000, ["ENTRY_FIFO", "FIFOs are not allowed"]],
  [0o020000, ["ENTRY_DEVICE", "devices are not allowed"]],
  [0o060000, ["ENTRY_DEVICE", "devices are not allowed"]],
  [0o140000, ["ENTRY_TYPE", "only ordinary files and directories are allowed"]],
]);

/** The upper half of the attributes is a Unix mode whatever system the entry claims to come from: extractors use it so. */
function typeOf(entry: Entry, mode: number): ArchiveEntry["type"] {
  const refused = REFUSED.get(mode & TYPE_MASK);
  if (refused !== undefined) throw refuse(entry, ...refused);
  const isDirectory = entry.fileNameRaw.at(-1) === 0x2f;
  const saysDirectory = (mode & TYPE_MASK) === 0o040000;
  const saysFile = (mode & TYPE_MASK) === 0o100000;
  if ((saysDirectory && !isDirectory) || (saysFile && isDirectory))
    throw refuse(entry, "ENTRY_TYPE", "its name and its mode disagree about whether it is a directory");
  return isDirectory ? "directory" : "file";
}
