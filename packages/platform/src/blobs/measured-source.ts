import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { BlobStoreError, type WrittenBlob } from "./port.ts";

export interface MeasuredSource {
  /** The source's chunks. Fails with `too_large` or `source_failed`, and leaves the source open. */
  chunks: AsyncGenerator<Uint8Array>;
  /** What the chunks amount to, once they are all read. */
  measured: () => WrittenBlob;
  /** What the chunks failed with, told apart from what a storage that reads them fails with. */
  failure: () => BlobStoreError | undefined;
}

/** Counts, bounds and hashes a source on its way to a storage. */
export function measure(source: AsyncIterable<Uint8Array>, maxBytes: number): MeasuredSource {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  let failure: BlobStoreError | undefined;
  const fail = (error: BlobStoreError): BlobStoreError => (failure = error);
  async function* read(): AsyncGenerator<Uint8Array> {
    for await (const bytes of chunksOf(source, fail)) {
      sizeBytes += bytes.length;
      if (sizeBytes > maxBytes) throw fail(new BlobStoreError("too_large", `A blob here may have ${maxBytes} bytes; this one has more.`));
      hash.update(bytes);
      yield bytes;
    }
  }
  return { chunks: read(), measured: () => ({ sizeBytes, sha256: hash.digest("hex") }), failure: () => failure };
}

/** What the reader of these chunks fails with is thrown in at `yield`, and is no failure of the source. */
async function* chunksOf(source: AsyncIterable<Uint8Array>, fail: (error: BlobStoreError) => BlobStoreError): AsyncGenerator<Uint8Array> {
  // Leaving a stream early would destroy it, and with it the connection on which the refusal is to be answered.
  const chunks = source instanceof Readable ? source.iterator({ destroyOnReturn: false }) : source;
  const iterator = chunks[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let ended = false;
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    try {
      return await iterator.next();
    } catch (error) {
      ended = true;
      throw fail(new BlobStoreError("source_failed", "The source of a blob failed or ended early.", { cause: error }));
    }
  };
  try {
    for (let result = await next(); result.done !== true; result = await next()) yield result.value;
    ended = true;
  } finally {
    if (!ended) await iterator.return?.();
  }
}
