import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { Readable, Transform, type TransformCallback } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type TarEntry, tarChunks } from "./tar.ts";

export const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";

/** What a manifest says of a blob. */
export interface Descriptor {
  mediaType: string;
  /** `sha256:…` of the bytes. */
  digest: string;
  size: number;
}
export interface Layer extends Descriptor {
  /** `sha256:…` of the archive before compression. */
  diffId: string;
  /** File with the bytes. */
  file: string;
}

/** Writes the layer's blob as `<digest>.tar.gz` into a folder, streaming, whole or not at all. */
export async function writeLayer(entries: readonly TarEntry[], directory: string, options: { level?: number } = {}): Promise<Layer> {
  await mkdir(directory, { recursive: true });
  const unfinished = path.join(directory, `unfinished-${randomUUID()}`);
  const archive = new Meter();
  const compressed = new Meter();
  try {
    await pipeline(
      Readable.from(tarChunks(entries)),
      archive,
      createGzip({ level: options.level ?? 6 }),
      new PlainGzipHeader(),
      compressed,
      createWriteStream(unfinished),
    );
    const digest = compressed.digest();
    const file = path.join(directory, `${digest.slice("sha256:".length)}.tar.gz`);
    await rename(unfinished, file);
    return { mediaType: LAYER_TYPE, digest, size: compressed.bytes, diffId: archive.digest(), file };
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Counts and hashes what passes. */
class Meter extends Transform {
  bytes = 0;
  private readonly hash = createHash("sha256");

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytes += chunk.length;
    this.hash.update(chunk);
    done(null, chunk);
  }

  digest(): string {
    return `sha256:${this.hash.copy().digest("hex")}`;
  }
}

/** A gzip header names the system that wrote it (byte 9) and a time (bytes 4 to 7); neither may differ from machine to machine. */
class PlainGzipHeader extends Transform {
  private at = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.at < 10) {
      for (let index = Math.max(0, 4 - this.at); index < chunk.length && this.at + index < 10; index += 1) {
        const place = this.at + index;
        if (place < 8) chunk[index] = 0;
        else if (place === 9) chunk[index] = 255;
      }
    }
    this.at += chunk.length;
    done(null, chunk);
  }
}
