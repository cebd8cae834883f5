/**
 * Unpacks one layer of an image into a directory of its own. What the layer says is not believed: no path leaves the
 * directory, not by `..`, not through a link, not by a hard link; devices are not made; sizes are bounded.
 * Whiteouts stay as the files that they are; `compose-root.ts` reads them.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { chmod, link, lstat, mkdir, open, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { isSystemError } from "@whs/platform/durable-files";
import { extract, type Header } from "tar-stream";
import { AwsError } from "../http/aws-error.ts";

export interface LayerLimits {
  /** Bytes of all files together. */
  bytes: number;
  entries: number;
}

const MAX_PATH_BYTES = 4096;
const DIRECTORY_MODE = 0o755;

/** tar-stream's streams are not Node's own, but work with them. */
type Entry = AsyncIterable<Buffer> & { header: Header };

/** @returns the digest of the layer's tar. @throws AwsError naming the entry that cannot be taken. */
export async function unpackLayer(source: Readable, mediaType: string, folder: string, limits: LayerLimits): Promise<string> {
  const hash = createHash("sha256");
  const tar = extract();
  const unpacker = new Unpacker(folder, limits);
  const hashed = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      unpacker.countRaw(chunk.length);
      yield chunk;
    }
  };
  const reading = (async () => {
    for await (const entry of tar as AsyncIterable<unknown>) {
      await unpacker.take(entry as Entry);
      // What nobody wanted; the next entry comes after it.
      for await (const chunk of entry as Entry) void chunk;
    }
  })();
  const sink = tar as unknown as Writable;
  const decompressor = decompressorOf(mediaType);
  const writing = decompressor === null ? pipeline(source, hashed, sink) : pipeline(source, decompressor, hashed, sink);
  try {
    await Promise.all([reading, writing]);
  } catch (error) {
    tar.destroy();
    await Promise.allSettled([reading, writing]);
    throw readable(error);
  }
  return `sha256:${hash.digest("hex")}`;
}

function decompressorOf(mediaType: string) {
  if (mediaType.endsWith("+zstd")) return createZstdDecompress();
  if (mediaType.endsWith("gzip")) return createGunzip();
  if (mediaType.endsWith("tar")) return null;
  throw new AwsError("ValidationException", `The image has a layer of an unknown kind: ${mediaType}`);
}

function readable(error: unknown): unknown {
  if (error instanceof AwsError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const damaged = code.startsWith("Z_") || code.startsWith("ZSTD") || (error instanceof Error && /tar|header/i.test(error.message));
  return damaged ? new AwsError("ValidationException", "A layer of the image is damaged.", { cause: error }) : error;
}

class Unpacker {
  private readonly folder: string;
  private readonly limits: LayerLimits;
  private bytes = 0;
  private entries = 0;
  /** Directories that were found to be such, below our own. */
  private readonly known = new Set<string>([""]);

  constructor(folder: string, limits: LayerLimits) {
    this.folder = folder;
    this.limits = limits;
  }

  /** Padding and headers count as well, or an archive could be endless without a file in it. */
  countRaw(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.limits.bytes) throw tooLarge(`more than ${this.limits.bytes} bytes`);
  }

  async take(entry: Entry): Promise<void> {
    const { header } = entry;
    this.entries += 1;
    if (this.entries > this.limits.entries) throw tooLarge(`more than ${this.limits.entries} entries`);
    const path = cleanPath(header.name);
    if (path === "") return;
    await this.parents(path);
    const target = join(this.folder, path);
    switch (header.type) {
      case "directory":
        return this.directory(path, target);
      case "file":
      case "contiguous-file":
        await this.clear(path, target);
        return writeFile(entry, target, modeOf(header));
      case "symlink":
        await this.clear(path, target);
        return symlink(header.linkname, target);
      case "link":
        return this.hardLink(path, target, cleanPath(header.linkname));
      case "character-device":
      case "block-device":
      case "fifo":
        // Images built by other tools hold some under dev/, which the sandbox has its own of.
        if (path.startsWith("dev/")) return;
        throw refused(path, "is a device");
      default:
        throw refused(path, `has the type ${String(header.type)}`);
    }
  }

  private async directory(path: string, target: string): Promise<void> {
    if (this.known.has(path)) return;
    await this.clear(path, target);
    await mkdir(target, { mode: DIRECTORY_MODE });
    this.known.add(path);
  }

  /** Only a file of this very layer, named without a link on the way, can be linked to. */
  private async hardLink(path: string, target: string, source: string): Promise<void> {
    await this.parents(source);
    const found = await lstatOrNull(join(this.folder, source));
    if (found === null || !found.isFile()) throw refused(path, `is a hard link to ${source}, which is no file of its layer`);
    if (path === source) return;
    await this.clear(path, target);
    await link(join(this.folder, source), target);
  }

  /** Makes what is missing above a path; what is there must be directories, not links to some. */
  private async parents(path: string): Promise<void> {
    const parent = dirname(path) === "." ? "" : dirname(path);
    if (this.known.has(parent)) return;
    await this.parents(parent);
    const found = await lstatOrNull(join(this.folder, parent));
    if (found === null) await mkdir(join(this.folder, parent), { mode: DIRECTORY_MODE });
    else if (!found.isDirectory()) throw refused(path, `goes through ${parent}, which is no directory`);
    this.known.add(parent);
  }

  /** A later entry of the same name takes the place of an earlier one. */
  private async clear(path: string, target: string): Promise<void> {
    if (this.known.has(path)) for (const known of this.known) if (known === path || known.startsWith(`${path}/`)) this.known.delete(known);
    await rm(target, { recursive: true, force: true });
  }
}

/** Relative, without `.` and `..`. */
function cleanPath(name: string): string {
  if (Buffer.byteLength(name) > MAX_PATH_BYTES) throw refused(name.slice(0, 100), `is longer than ${MAX_PATH_BYTES} bytes`);
  if (name.includes("\0")) throw refused(name.replaceAll("\0", "?"), "has a NUL in its name");
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw refused(name, "leaves the image");
  return parts.join("/");
}

/** Sandboxes run as a user who owns no file of the image, so what anybody may do is what the owner may, but for writing. */
function modeOf({ mode }: Header): number {
  return (mode & 0o111) === 0 ? 0o444 : 0o555;
}

async function writeFile(entry: Entry, target: string, mode: number): Promise<void> {
  const file = await open(target, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(entry);
  } finally {
    await file.close();
  }
  await chmod(target, mode);
}

async function lstatOrNull(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
}

function refused(path: string, why: string): AwsError {
  return new AwsError("ValidationException", `The image cannot be unpacked: ${path} ${why}.`);
}

function tooLarge(what: string): AwsError {
  return new AwsError("ValidationException", `The image is too large: a layer has ${what}.`);
}
