import { crc32, deflateRawSync } from "node:zlib";

/** Fields of one header. */
interface RawZipFields {
  name: string | Uint8Array;
  flags: number;
  method: number;
  crc: number;
  compressedSize: number;
  uncompressedSize: number;
  extra: Uint8Array;
}

/** A zip entry as it shall stand in the archive, true or not: `local` and `central` replace what an honest writer puts there. */
export interface RawZipEntry {
  name: string | Uint8Array;
  content?: string | Uint8Array;
  /** 8 deflate (default) or 0. */
  method?: number;
  /** Unix mode with file type. */
  mode?: number;
  local?: Partial<RawZipFields>;
  central?: Partial<RawZipFields & { offset: number }>;
  /** `true`: an honest one, with zeros in the local header; else these bytes. */
  descriptor?: true | Uint8Array;
}

export interface RawZipEnd {
  entryCount?: number;
  directorySize?: number;
  directoryStart?: number;
  comment?: string;
  commentLength?: number;
  /** Bytes between the directory and the end record. */
  before?: (directory: { start: number; size: number; count: number }) => Uint8Array;
  after?: Uint8Array;
}

export const DESCRIPTOR_FLAG = 0x8;

export function rawZip(entries: readonly RawZipEntry[], end: RawZipEnd = {}): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const { record, data } = honest(entry);
    const local = [localHeader(record, entry), data, descriptorOf(entry, record)];
    central.push(centralHeader(record, entry, offset));
    parts.push(...local);
    offset += local.reduce((total, part) => total + part.length, 0);
  }
  const directory = Buffer.concat(central);
  const before = Buffer.from(end.before?.({ start: offset, size: directory.length, count: entries.length }) ?? []);
  const comment = Buffer.from(end.comment ?? "");
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(end.entryCount ?? entries.length, 8);
  record.writeUInt16LE(end.entryCount ?? entries.length, 10);
  record.writeUInt32LE(end.directorySize ?? directory.length, 12);
  record.writeUInt32LE(end.directoryStart ?? offset, 16);
  record.writeUInt16LE(end.commentLength ?? comment.length, 20);
  return Buffer.concat([...parts, directory, before, record, comment, end.after ?? Buffer.alloc(0)]);
}

/** A zip64 end record and its locator, to stand before the ordinary end record. */
export function zip64End(values: { start: number; size: number; count: number }, recordStart: number): Buffer {
  const record = Buffer.alloc(56 + 20);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(values.count), 24);
  record.writeBigUInt64LE(BigInt(values.count), 32);
  record.writeBigUInt64LE(BigInt(values.size), 40);
  record.writeBigUInt64LE(BigInt(values.start), 48);
  record.writeUInt32LE(0x07064b50, 56);
  record.writeBigUInt64LE(BigInt(recordStart), 64);
  record.writeUInt32LE(1, 72);
  return record;
}

/** An extra field. */
export function extraField(id: number, data: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(id, 0);
  head.writeUInt16LE(data.length, 2);
  return Buffer.concat([head, data]);
}

function honest(entry: RawZipEntry): { record: RawZipFields; data: Buffer } {
  const content = Buffer.from(entry.content ?? "");
  const method = entry.method ?? 8;
  const data = method === 8 ? deflateRawSync(content) : content;
  const flags = 0x800 | (entry.descriptor === undefined ? 0 : DESCRIPTOR_FLAG);
  return {
    record: {
      name: entry.name,
      flags,
      method,
      crc: crc32(content),
      compressedSize: data.length,
      uncompressedSize: content.length,
      extra: Buffer.alloc(0),
    },
    data,
  };
}

function localHeader(record: RawZipFields, entry: RawZipEntry): Buffer {
  const zeros = entry.descriptor === undefined ? {} : { crc: 0, compressedSize: 0, uncompressedSize: 0 };
  const fields = { ...record, ...zeros, ...entry.local };
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  writeCommon(header, 6, fields);
  return Buffer.concat([header, Buffer.from(fields.name), fields.extra]);
}

function centralHeader(record: RawZipFields, entry: RawZipEntry, offset: number): Buffer {
  const fields = { ...record, offset, ...entry.central };
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE((3 << 8) | 20, 4);
  header.writeUInt16LE(20, 6);
  writeCommon(header, 8, fields);
  header.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 38);
  header.writeUInt32LE(fields.offset >>> 0, 42);
  return Buffer.concat([header, Buffer.from(fields.name), fields.extra]);
}

/** Flags to extra length stand in the same order in both headers. */
function writeCommon(header: Buffer, at: number, fields: RawZipFields): void {
  header.writeUInt16LE(fields.flags & 0xffff, at);
  header.writeUInt16LE(fields.method & 0xffff, at + 2);
  header.writeUInt32LE(fields.crc >>> 0, at + 8);
  header.writeUInt32LE(fields.compressedSize >>> 0, at + 12);
  header.writeUInt32LE(fields.uncompressedSize >>> 0, at + 16);
  header.writeUInt16LE(Buffer.from(fields.name).length, at + 20);
  header.writeUInt16LE(fields.extra.length, at + 22);
}

function descriptorOf(entry: RawZipEntry, record: RawZipFields): Buffer {
  if (entry.descriptor === undefined) return Buffer.alloc(0);
  if (entry.descriptor !== true) return Buffer.from(entry.descriptor);
  const descriptor = Buffer.alloc(16);
  descriptor.writeUInt32LE(0x08074b50, 0);
  descriptor.writeUInt32LE(record.crc, 4);
  descriptor.writeUInt32LE(record.compressedSize, 8);
  descriptor.writeUInt32LE(record.uncompressedSize, 12);
  return descriptor;
}
