/** As much of ELF as it takes to see which shared libraries a program for Linux needs, for any machine. */
import { closeSync, openSync, readSync } from "node:fs";

export interface ElfNeeds {
  architecture: "amd64" | "arm64";
  /** The loader's path, in programs; libraries have none. */
  interpreter: string | null;
  /** Names of libraries, such as `libc.so.6`. */
  libraries: readonly string[];
}

const MACHINES: Readonly<Record<number, ElfNeeds["architecture"]>> = { 62: "amd64", 183: "arm64" };
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;
/** Far more than any dynamic section or table of names has. */
const MAX_SECTION = 16 * 1024 * 1024;

interface Segment {
  type: number;
  offset: number;
  address: number;
  size: number;
}

/** @throws Error when the file is no 64-bit little-endian ELF for amd64 or arm64. */
export function readElfNeeds(file: string): ElfNeeds {
  const descriptor = openSync(file, "r");
  try {
    const at = (offset: number, length: number): Buffer => {
      const bytes = Buffer.alloc(Math.min(length, MAX_SECTION));
      return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, offset));
    };
    const head = at(0, 64);
    const architecture = head.length === 64 ? MACHINES[head.readUInt16LE(18)] : undefined;
    if (architecture === undefined || head.toString("latin1", 0, 6) !== "\x7fELF\x02\x01")
      throw new Error(`${file} is no program or library for Linux on amd64 or arm64.`);
    const segments = readSegments(
      at(Number(head.readBigUInt64LE(32)), head.readUInt16LE(54) * head.readUInt16LE(56)),
      head.readUInt16LE(54),
    );
    const interpreter = segments.find(({ type }) => type === PT_INTERP);
    return {
      architecture,
      interpreter: interpreter === undefined ? null : untilZero(at(interpreter.offset, interpreter.size), 0),
      libraries: readLibraries(segments, at),
    };
  } finally {
    closeSync(descriptor);
  }
}

function readSegments(table: Buffer, entrySize: number): Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; entrySize >= 56 && at + entrySize <= table.length; at += entrySize) {
    segments.push({
      type: table.readUInt32LE(at),
      offset: Number(table.readBigUInt64LE(at + 8)),
      address: Number(table.readBigUInt64LE(at + 16)),
      size: Number(table.readBigUInt64LE(at + 32)),
    });
  }
  return segments;
}

function readLibraries(segments: readonly Segment[], at: (offset: number, length: number) => Buffer): string[] {
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return [];
  const section = at(dynamic.offset, dynamic.size);
  const names: number[] = [];
  let table = 0;
  for (let entry = 0; entry + 16 <= section.length; entry += 16) {
    const tag = section.readBigInt64LE(entry);
    const value = Number(section.readBigUInt64LE(entry + 8));
    if (tag === DT_NEEDED) names.push(value);
    else if (tag === DT_STRTAB) table = value;
  }
  const loaded = segments.find(({ type, address, size }) => type === PT_LOAD && address <= table && table < address + size);
  if (loaded === undefined) return [];
  const start = loaded.offset + table - loaded.address;
  return names.map((name) => untilZero(at(start + name, 1024), 0));
}

function untilZero(bytes: Buffer, from: number): string {
  const end = bytes.indexOf(0, from);
  return bytes.toString("utf8", from, end === -1 ? bytes.length : end);
}
