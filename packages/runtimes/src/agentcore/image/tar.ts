/** Archives whose bytes follow from their entries alone: no clock, no owner, no order of a file system. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";

export type TarEntry =
  | { path: string; type: "file"; mode: number; content: Buffer | { file: string } }
  | { path: string; type: "directory"; mode: number }
  | { path: string; type: "link"; target: string };

const BLOCK = 512;
/** Longest name of a plain header; longer ones stand in an extended one. */
const NAME_BYTES = 100;
/** Largest size that eleven octal digits hold. */
const MAX_BYTES = 8 ** 11 - 1;

/** Entries sorted by the bytes of their paths, parents made where they are missing, then the end mark. */
export async function* tarChunks(entries: readonly TarEntry[]): AsyncGenerator<Buffer> {
  for (const entry of withParents(entries)) {
    const name = entry.type === "directory" ? `${entry.path}/` : entry.path;
    const extended = extendedRecords(name, entry.type === "link" ? entry.target : "");
    if (extended.length > 0) yield* headerAndContent({ name: "pax", type: "x", mode: 0o644, link: "" }, extended);
    if (entry.type === "file") yield* fileChunks(name, entry.mode, entry.content);
    else if (entry.type === "directory") yield header({ name, type: "5", mode: entry.mode, link: "" }, 0);
    else yield header({ name, type: "2", mode: 0o777, link: entry.target }, 0);
  }
  yield Buffer.alloc(2 * BLOCK);
}

function withParents(entries: readonly TarEntry[]): TarEntry[] {
  const byPath = new Map<string, TarEntry>();
  for (const entry of entries) {
    if (byPath.has(entry.path)) throw new Error(`Two entries of an image have the path ${entry.path}.`);
    byPath.set(entry.path, entry);
  }
  for (const { path } of entries) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const parent = path.slice(0, at);
      if (!byPath.has(parent)) byPath.set(parent, { path: parent, type: "directory", mode: 0o755 });
    }
  }
  return [...byPath.values()].toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

async function* fileChunks(name: string, mode: number, content: Buffer | { file: string }): AsyncGenerator<Buffer> {
  if (Buffer.isBuffer(content)) return yield* headerAndContent({ name, type: "0", mode, link: "" }, content);
  const { size } = await stat(content.file);
  yield header({ name, type: "0", mode, link: "" }, size);
  let read = 0;
  for await (const chunk of createReadStream(content.file, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    read += chunk.length;
    yield chunk;
  }
  if (read !== size) throw new Error(`${content.file} changed while it was read.`);
  yield padding(size);
}

interface Fields {
  name: string;
  type: string;
  mode: number;
  link: string;
}

function* headerAndContent(fields: Fields, content: Buffer): Generator<Buffer> {
  yield header(fields, content.length);
  yield content;
  yield padding(content.length);
}

function header({ name, type, mode, link }: Fields, size: number): Buffer {
  if (size > MAX_BYTES) throw new Error(`${name} is too large for an image.`);
  const block = Buffer.alloc(BLOCK);
  block.set(Buffer.from(name).subarray(0, NAME_BYTES), 0);
  block.write(octal(mode, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(0, 12), 136);
  block.fill(" ", 148, 156);
  block.write(type, 156);
  block.set(Buffer.from(link).subarray(0, NAME_BYTES), 157);
  block.write("ustar\x0000", 257);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function octal(value: number, length: number): string {
  return `${value.toString(8).padStart(length - 1, "0")}\0`;
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

function extendedRecords(name: string, link: string): Buffer {
  const records: string[] = [];
  if (Buffer.byteLength(name) > NAME_BYTES) records.push(extendedRecord("path", name));
  if (Buffer.byteLength(link) > NAME_BYTES) records.push(extendedRecord("linkpath", link));
  return Buffer.from(records.join(""));
}

/** A record begins with its own length in decimal digits, these digits included. */
function extendedRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let digits = 1;
  while (String(bytes + digits).length !== digits) digits += 1;
  return `${bytes + digits}${rest}`;
}
