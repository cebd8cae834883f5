import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

const blockBytes = 512;
/** What a header of `git archive` needs, many times over. */
const maxHeaderBytes = 4096;
const globalHeader = 0x67;

/**
 * The commit that `git archive` packed: it stands in the comment of the pax header with which the archive begins.
 * @returns hexadecimal digits, or undefined when the bytes do not begin like that.
 */
export async function readCommit(archive: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  const start = await firstBytes(archive, blockBytes + maxHeaderBytes);
  if (start.length < blockBytes || start[156] !== globalHeader) return undefined;
  const size = Number.parseInt(start.toString("latin1", 124, 136), 8);
  if (!(size > 0 && size <= maxHeaderBytes)) return undefined;
  const records = start.subarray(blockBytes, blockBytes + size).toString("latin1");
  return /(?:^|\n)\d+ comment=([0-9a-f]{40}|[0-9a-f]{64})\n/.exec(records)?.[1];
}

/** Unpacks no more than it gives. What is no gzip stream gives what came before that showed. */
async function firstBytes(archive: AsyncIterable<Uint8Array>, count: number): Promise<Buffer> {
  const source = Readable.from(archive, { objectMode: false });
  const gunzip = createGunzip({ chunkSize: 8192 });
  let sourceFailure: unknown;
  source.once("error", (error) => {
    sourceFailure = error;
    gunzip.destroy(error);
  });
  source.pipe(gunzip);
  const chunks: Buffer[] = [];
  let total = 0;
  try {
    for await (const chunk of gunzip) {
      chunks.push(chunk as Buffer);
      total += (chunk as Buffer).length;
      if (total >= count) break;
    }
  } catch (error) {
    if (sourceFailure !== undefined)
      throw sourceFailure instanceof Error ? sourceFailure : new Error("The archive could not be read", { cause: sourceFailure });
    if (!(error instanceof Error && "code" in error && String(error.code).startsWith("Z_"))) throw error;
  } finally {
    source.destroy();
    gunzip.destroy();
  }
  return Buffer.concat(chunks).subarray(0, count);
}
