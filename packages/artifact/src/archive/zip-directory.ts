import { fromBufferPromise, type Entry, type ZipFile } from "yauzl";
import { BundleError } from "./bundle-error.ts";
import type { EntryGate } from "./entry-gate.ts";

const END_RECORD = { signature: 0x06054b50, bytes: 22, maxCommentBytes: 0xffff };
const ZIP64_LOCATOR = { signature: 0x07064b50, bytes: 20 };
const ZIP64_END_RECORD = { signature: 0x06064b50, bytes: 56 };
const CENTRAL_HEADER_BYTES = 46;

/** The central directory, read whole: every later check needs to know where the other entries lie. */
export interface ZipDirectory {
  zip: ZipFile;
  entries: readonly Entry[];
  /** Where the central directory begins: file data ends before it. */
  start: number;
}

/** @throws BundleError when the directory and the records at the end disagree about it. */
export async function readZipDirectory(bytes: Buffer, gate: EntryGate): Promise<ZipDirectory> {
  const end = findEnd(bytes);
  gate.requireEntryCount(end.entryCount);
  const zip = await fromBufferPromise(bytes, { decodeStrings: false, validateEntrySizes: false }).catch((error: unknown) => {
    throw corrupt("The zip archive's end record cannot be read.", error);
  });
  const entries: Entry[] = [];
  let cursor = end.directoryStart;
  try {
    for await (const entry of zip.eachEntry()) {
      entries.push(entry);
      cursor += CENTRAL_HEADER_BYTES + entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
    }
  } catch (error) {
    throw unreadableEntry(bytes, cursor, error);
  }
  if (cursor !== end.directoryEnd) throw corrupt("The zip archive's directory has another size than its end record declares.");
  return { zip, entries, start: end.directoryStart };
}

interface EndOfDirectory {
  entryCount: number;
  directoryStart: number;
  directoryEnd: number;
}

/** Accepts exactly one reading: the end record, with its comment, is the last thing in the file. */
function findEnd(bytes: Buffer): EndOfDirectory {
  const at = findEndRecord(bytes);
  const record = { entryCount: bytes.readUInt16LE(at + 10), size: bytes.readUInt32LE(at + 12), start: bytes.readUInt32LE(at + 16) };
  const onDisks = [bytes.readUInt16LE(at + 4), bytes.readUInt16LE(at + 6)];
  const locator = at - ZIP64_LOCATOR.bytes;
  const isZip64 = locator >= 0 && bytes.readUInt32LE(locator) === ZIP64_LOCATOR.signature;
  if (!isZip64) {
    if (onDisks.some((disk) => disk !== 0) || bytes.readUInt16LE(at + 8) !== record.entryCount)
      throw corrupt("Zip archives in several parts are not supported.");
    return checkedEnd(record, at);
  }
  const recordStart = Number(bytes.readBigUInt64LE(locator + 8));
  if (recordStart + ZIP64_END_RECORD.bytes > locator || bytes.readUInt32LE(recordStart) !== ZIP64_END_RECORD.signature)
    throw corrupt("The zip64 end record is not where its locator says.");
  const wide = {
    entryCount: Number(bytes.readBigUInt64LE(recordStart + 32)),
    size: Number(bytes.readBigUInt64LE(recordStart + 40)),
    start: Number(bytes.readBigUInt64LE(recordStart + 48)),
  };
  const agrees =
    fits(record.entryCount, wide.entryCount, 0xffff) &&
    fits(record.size, wide.size, 0xffffffff) &&
    fits(record.start, wide.start, 0xffffffff);
  if (!agrees) throw corrupt("The zip64 end record contradicts the ordinary one.");
  return checkedEnd(wide, recordStart);
}

/** An ordinary field either holds the value or says, with all bits set, that the wide one does. */
export function fits(narrow: number, wide: number, sentinel: number): boolean {
  return narrow === wide || narrow === sentinel;
}

function checkedEnd(record: { entryCount: number; size: number; start: number }, limit: number): EndOfDirectory {
  const directoryEnd = record.start + record.size;
  if (directoryEnd !== limit) throw corrupt("The zip archive's directory is not where its end record says, or other data follows it.");
  return { entryCount: record.entryCount, directoryStart: record.start, directoryEnd };
}

function findEndRecord(bytes: Buffer): number {
  const first = Math.max(0, bytes.length - END_RECORD.bytes - END_RECORD.maxCommentBytes);
  for (let at = bytes.length - END_RECORD.bytes; at >= first; at -= 1) {
    if (bytes.readUInt32LE(at) !== END_RECORD.signature) continue;
    const commentBytes = bytes.readUInt16LE(at + 20);
    if (at + END_RECORD.bytes + commentBytes === bytes.length) return at;
    throw new BundleError("ARCHIVE_TRAILING_DATA", "The zip archive holds other data after its end record.");
  }
  throw new BundleError("ARCHIVE_TRUNCATED", "The zip archive has no end record: it is incomplete.");
}

/** The library stops at such an entry before it tells its name. */
function unreadableEntry(bytes: Buffer, cursor: number, cause: unknown): BundleError {
  if (cursor + CENTRAL_HEADER_BYTES > bytes.length) return corrupt("The zip archive's directory ends too early.", cause);
  const nameStart = cursor + CENTRAL_HEADER_BYTES;
  const entry = bytes.toString("utf8", nameStart, nameStart + bytes.readUInt16LE(cursor + 28));
  const isEncrypted = (bytes.readUInt16LE(cursor + 8) & 0x40) !== 0;
  if (isEncrypted) return new BundleError("ENTRY_ENCRYPTED", "encrypted entries are not allowed", { entry, cause });
  return new BundleError("ARCHIVE_CORRUPT", "its directory record cannot be read", { entry, cause });
}

function corrupt(message: string, cause?: unknown): BundleError {
  return new BundleError("ARCHIVE_CORRUPT", message, { cause });
}
