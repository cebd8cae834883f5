import { type FileHandle, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createDirectory, isSystemError } from "@whs/platform/durable-files";

/** Where reading stands: behind `offset` bytes of a segment. */
interface Position {
  segment: number;
  offset: number;
}
export interface JournalBatch {
  lines: readonly string[];
  /** Call when they are delivered; the same lines are never read again then. */
  done(): Promise<void>;
}

const SEGMENT_BYTES = 4 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;

/**
 * Lines that must survive a killed supervisor until they are delivered: appended to segment files, read in order, bounded
 * in size by giving up the oldest segment. A line that was delivered may be read once more after a crash, never lost.
 */
export class Journal {
  private readonly folder: string;
  private readonly maxBytes: number;
  private segments: { number: number; bytes: number }[];
  private position: Position;
  private file: FileHandle | null = null;
  private appending: Promise<unknown> = Promise.resolve();
  /** Lines given up because the journal was full. */
  lost = 0;

  private constructor(folder: string, maxBytes: number, segments: { number: number; bytes: number }[], position: Position) {
    this.folder = folder;
    this.maxBytes = maxBytes;
    this.segments = segments;
    this.position = position;
  }

  static async open(folder: string, maxBytes: number): Promise<Journal> {
    await createDirectory(folder);
    const numbers = (await readdir(folder))
      .flatMap((name) => (/^\d{10}\.ndjson$/.test(name) ? [Number.parseInt(name, 10)] : []))
      .toSorted((a, b) => a - b);
    const segments = await Promise.all(
      numbers.map(async (number) => ({ number, bytes: (await stat(join(folder, segmentName(number)))).size })),
    );
    const saved = await readPosition(folder);
    const first = segments[0]?.number ?? saved.segment + 1;
    return new Journal(folder, maxBytes, segments, saved.segment >= first ? saved : { segment: first, offset: 0 });
  }

  get isEmpty(): boolean {
    const last = this.segments.at(-1);
    return last === undefined || (last.number === this.position.segment && last.bytes <= this.position.offset);
  }

  /** Resolves when the lines would survive this process. Each must be free of line breaks. */
  append(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return Promise.resolve();
    const appended = this.appending.then(() => this.write(lines));
    this.appending = appended.catch(() => undefined);
    return appended;
  }

  /** The oldest lines not yet done, at most `maxLines`; none when there are none. */
  async read(maxLines: number): Promise<JournalBatch> {
    await this.skipFinishedSegments();
    const { segment, offset } = this.position;
    const text = await this.readAt(segment, offset);
    const lines = text.split("\n").slice(0, -1).slice(0, maxLines);
    const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    const done = async () => {
      // The segment may have been given up in the meantime.
      if (this.position.segment !== segment || this.position.offset !== offset) return;
      this.position = { segment, offset: offset + bytes };
      await this.savePosition();
    };
    return { lines: lines.filter((line) => line !== ""), done };
  }

  async close(): Promise<void> {
    await this.appending;
    await this.file?.close();
    this.file = null;
  }

  private async write(lines: readonly string[]): Promise<void> {
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    let last = this.segments.at(-1);
    if (last === undefined || this.file === null || last.bytes + bytes.length > SEGMENT_BYTES) {
      await this.file?.close();
      last = { number: last === undefined ? this.position.segment : last.number + 1, bytes: 0 };
      this.file = await open(join(this.folder, segmentName(last.number)), "ax", 0o600);
      this.segments.push(last);
    }
    await this.file.appendFile(bytes);
    last.bytes += bytes.length;
    await this.stayBounded();
  }

  private async stayBounded(): Promise<void> {
    while (this.segments.length > 1 && this.segments.reduce((sum, { bytes }) => sum + bytes, 0) > this.maxBytes) {
      const [oldest] = this.segments;
      if (oldest === undefined) return;
      const read = oldest.number === this.position.segment ? this.position.offset : 0;
      const unread = (await readFile(this.path(oldest.number))).subarray(read);
      this.lost += unread.reduce((count, byte) => count + (byte === 10 ? 1 : 0), 0);
      await this.dropOldest();
    }
  }

  private async skipFinishedSegments(): Promise<void> {
    const [oldest] = this.segments;
    if (oldest === undefined || this.segments.length < 2) return;
    if (oldest.number < this.position.segment || (oldest.number === this.position.segment && this.position.offset >= oldest.bytes)) {
      await this.dropOldest();
      await this.skipFinishedSegments();
    }
  }

  private async dropOldest(): Promise<void> {
    const oldest = this.segments.shift();
    if (oldest === undefined) return;
    const next = this.segments[0]?.number ?? oldest.number + 1;
    if (this.position.segment < next) this.position = { segment: next, offset: 0 };
    await this.savePosition();
    await rm(this.path(oldest.number), { force: true });
  }

  /** Whole lines only: what a killed process left half-written at the end of a segment is passed over. */
  private async readAt(segment: number, offset: number): Promise<string> {
    const known = this.segments.find(({ number }) => number === segment);
    if (known === undefined || known.bytes <= offset) return "";
    const file = await open(this.path(segment), "r");
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(READ_BYTES, known.bytes - offset)), 0, undefined, offset);
      const text = buffer.subarray(0, bytesRead);
      const end = text.lastIndexOf(10);
      if (end === -1 && this.segments.at(-1) !== known) this.position = { segment, offset: known.bytes };
      return text.subarray(0, end + 1).toString("utf8");
    } finally {
      await file.close();
    }
  }

  /** Not synced: should the machine stop, lines are sent once more, which their receiver does not mind. */
  private async savePosition(): Promise<void> {
    const place = join(this.folder, "position.json");
    await writeFile(`${place}.new`, JSON.stringify(this.position));
    await rename(`${place}.new`, place);
  }

  private path(segment: number): string {
    return join(this.folder, segmentName(segment));
  }
}

function segmentName(number: number): string {
  return `${String(number).padStart(10, "0")}.ndjson`;
}

async function readPosition(folder: string): Promise<Position> {
  try {
    return JSON.parse(await readFile(join(folder, "position.json"), "utf8")) as Position;
  } catch (error) {
    // Absent, or cut off with the machine's power: everything that is left is read again.
    if (isSystemError(error, "ENOENT") || error instanceof SyntaxError) return { segment: 0, offset: 0 };
    throw error;
  }
}
