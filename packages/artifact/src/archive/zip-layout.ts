import type { Entry, LocalFileHeader } from "yauzl";
import { BundleError } from "./bundle-error.ts";
import { fits, type ZipDirectory } from "./zip-directory.ts";

const FLAG = { encrypted: 0x1, descriptor: 0x8, patched: 0x20, strongEncryption: 0x40, maskedHeader: 0x2000 };
export const METHOD = { stored: 0, deflated: 8, aes: 99 };
const EXTRA = { zip64: 0x0001, unicodePath: 0x7075 };
const DESCRIPTOR_SIGNATURE = 0x08074b50;
const WIDE = 0xffffffff;

/** Where an entry's compressed bytes lie. */
export interface ZipData {
  start: number;
  end: number;
}

/**
 * Compares each entry with its local header and data descriptor, and the entries with each other: readers that trust the
 * one or the other must see the same files. @throws BundleError naming the entry.
 */
export async function checkZipLayout(bytes: Buffer, directory: ZipDirectory): Promise<Map<Entry, ZipData>> {
  const data = new Map<Entry, ZipData>();
  const regions: { entry: Entry; start: number; end: number }[] = [];
  for (const entry of directory.entries) {
    requireReadable(entry);
    const local = await directory.zip.readLocalFileHeaderPromise(entry).catch((cause: unknown) => {
      throw refuse(entry, "ENTRY_HEADER_MISMATCH", "its local header is missing, or its data leaves the archive", cause);
    });
    compareHeaders(entry, local);
    const end = local.fileDataStart + entry.compressedSize;
    data.set(entry, { start: local.fileDataStart, end });
    const hasDescriptor = (entry.generalPurposeBitFlag & FLAG.descriptor) !== 0;
    regions.push({ entry, start: entry.relativeOffsetOfLocalHeader, end: hasDescriptor ? descriptorEnd(bytes, entry, end) : end });
  }
  requireDisjoint(regions, directory.start);
  return data;
}

function requireReadable(entry: Entry): void {
  const { generalPurposeBitFlag: flags, compressionMethod } = entry;
  if ((flags & (FLAG.encrypted | FLAG.strongEncryption | FLAG.maskedHeader)) !== 0 || compressionMethod === METHOD.aes) {
    throw refuse(entry, "ENTRY_ENCRYPTED", "encrypted entries are not allowed");
  }
  if ((compressionMethod !== METHOD.stored && compressionMethod !== METHOD.deflated) || (flags & FLAG.patched) !== 0) {
    throw refuse(entry, "ENTRY_COMPRESSION", `compression method ${compressionMethod} is not supported; use deflate or none`);
  }
  if (compressionMethod === METHOD.stored && entry.compressedSize !== entry.uncompressedSize) {
    throw refuse(entry, "ENTRY_SIZE", "it is stored without compression but has two different sizes");
  }
  if (entry.extraFields.some(({ id }) => id === EXTRA.unicodePath)) {
    const name = entry.extraFields.find(({ id }) => id === EXTRA.unicodePath)?.data.subarray(5);
    if (name === undefined || !name.equals(entry.fileNameRaw))
      throw refuse(entry, "ENTRY_HEADER_MISMATCH", "it bears a second, different name");
  }
}

function compareHeaders(entry: Entry, local: LocalFileHeader): void {
  if (!local.fileName.equals(entry.fileNameRaw)) throw refuse(entry, "ENTRY_HEADER_MISMATCH", "its local header bears another name");
  if (local.compressionMethod !== entry.compressionMethod)
    throw refuse(entry, "ENTRY_HEADER_MISMATCH", "its local header names another compression method");
  const meaningful = FLAG.encrypted | FLAG.descriptor | FLAG.patched | FLAG.strongEncryption | FLAG.maskedHeader;
  if (((local.generalPurposeBitFlag ^ entry.generalPurposeBitFlag) & meaningful) !== 0)
    throw refuse(entry, "ENTRY_HEADER_MISMATCH", "its local header has other flags");
  const mayBeZero = (entry.generalPurposeBitFlag & FLAG.descriptor) !== 0;
  const wide = wideSizes(entry, local);
  const agrees = (found: number, expected: number) => found === expected || (mayBeZero && found === 0);
  const isSame =
    agrees(local.crc32, entry.crc32) && agrees(wide.compressed, entry.compressedSize) && agrees(wide.uncompressed, entry.uncompressedSize);
  if (!isSame) throw refuse(entry, "ENTRY_HEADER_MISMATCH", "its local header declares another size or checksum");
}

/** A local zip64 field holds both sizes; the ordinary fields then hold them too or have all bits set. */
function wideSizes(entry: Entry, local: LocalFileHeader): { compressed: number; uncompressed: number } {
  const field = extraField(local.extraField, EXTRA.zip64);
  if (field === null || field.length < 16) return { compressed: local.compressedSize, uncompressed: local.uncompressedSize };
  const uncompressed = Number(field.readBigUInt64LE(0));
  const compressed = Number(field.readBigUInt64LE(8));
  if (!fits(local.uncompressedSize, uncompressed, WIDE) || !fits(local.compressedSize, compressed, WIDE)) {
    throw refuse(entry, "ENTRY_HEADER_MISMATCH", "its local zip64 sizes contradict the ordinary ones");
  }
  return { compressed, uncompressed };
}

function extraField(extra: Buffer, id: number): Buffer | null {
  for (let at = 0; at + 4 <= extra.length;) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === id && end <= extra.length) return extra.subarray(at + 4, end);
    at = end;
  }
  return null;
}

/** A descriptor comes with or without signature, with sizes of four or eight bytes: one of these must tell the truth. */
function descriptorEnd(bytes: Buffer, entry: Entry, at: number): number {
  for (const width of [4, 8]) {
    for (const signature of [4, 0]) {
      const end = at + signature + 4 + 2 * width;
      if (end > bytes.length || (signature > 0 && bytes.readUInt32LE(at) !== DESCRIPTOR_SIGNATURE)) continue;
      const read = (offset: number) => (width === 4 ? bytes.readUInt32LE(offset) : Number(bytes.readBigUInt64LE(offset)));
      const sizes = at + signature + 4;
      if (
        bytes.readUInt32LE(sizes - 4) === entry.crc32 &&
        read(sizes) === entry.compressedSize &&
        read(sizes + width) === entry.uncompressedSize
      )
        return end;
    }
  }
  throw refuse(entry, "ENTRY_HEADER_MISMATCH", "its data descriptor is missing or declares another size or checksum");
}

function requireDisjoint(regions: { entry: Entry; start: number; end: number }[], limit: number): void {
  let previousEnd = 0;
  for (const { entry, start, end } of regions.toSorted((a, b) => a.start - b.start)) {
    if (start < previousEnd || end > limit) throw refuse(entry, "ENTRY_OVERLAP", "its data overlaps with another part of the archive");
    previousEnd = end;
  }
}

export function refuse(entry: Entry, code: BundleError["code"], reason: string, cause?: unknown): BundleError {
  return new BundleError(code, reason, { entry: entry.fileNameRaw.toString("utf8"), cause });
}
