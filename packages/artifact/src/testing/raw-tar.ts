import { gzipSync } from "node:zlib";

/** A tar entry as it shall stand in the archive, true or not. Text is written as UTF-8. */
export interface RawTarEntry {
  name: string | Uint8Array;
  /** `0` file (default), `1` hard link, `2` symbolic link, `3` and `4` devices, `5` directory, `6` FIFO, `x` pax, `L` long name. */
  typeflag?: string;
  content?: string | Uint8Array;
  /** Declared size; default: the content's. */
  size?: number;
  linkname?: string;
  mode?: number;
  /** Written instead of the right checksum. */
  checksum?: number;
}

const BLOCK = 512;
export const TAR_END = Buffer.alloc(2 * BLOCK);

export function rawTar(entries: readonly RawTarEntry[], end: Uint8Array = TAR_END): Buffer {
  return Buffer.concat([...entries.flatMap(blocksOf), end]);
}

export function rawTarGz(entries: readonly RawTarEntry[], end?: Uint8Array): Buffer {
  return gzipSync(rawTar(entries, end), { level: 1 });
}

/** A pax extended header for the next entry. */
export function pax(records: Readonly<Record<string, string>>, typeflag = "x"): RawTarEntry {
  return { name: "PaxHeader", typeflag, content: Object.entries(records).map(paxRecord).join("") };
}

/** `L`: a GNU header that gives the next entry its name. */
export function gnuLongName(name: string): RawTarEntry {
  return { name: "././@LongLink", typeflag: "L", content: `${name}\0` };
}

function paxRecord([key, value]: [string, string]): string {
  const tail = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(tail);
  let length = bytes;
  while (String(length).length + bytes !== length) length = String(length).length + bytes;
  return `${length}${tail}`;
}

function blocksOf(entry: RawTarEntry): Buffer[] {
  const content = Buffer.from(entry.content ?? "");
  const header = Buffer.alloc(BLOCK);
  Buffer.from(entry.name).copy(header, 0, 0, 100);
  header.write(`${(entry.mode ?? 0o644).toString(8).padStart(7, "0")}\0`, 100);
  header.write("0000000\0".repeat(2), 108);
  header.write(octal(entry.size ?? content.length), 124);
  header.write(octal(0), 136);
  header.write(entry.typeflag ?? "0", 156);
  header.write(entry.linkname ?? "", 157, 100);
  header.write("ustar\x0000", 257);
  header.write(" ".repeat(8), 148);
  const sum = entry.checksum ?? header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return [header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
}

function octal(value: number): string {
  return `${Math.max(0, value).toString(8).padStart(11, "0").slice(-11)} `;
}
