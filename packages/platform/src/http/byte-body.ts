import type { FastifyRequest } from "fastify";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { bodyTooLarge } from "./errors.ts";

/** @throws AppError 413 by the length that the caller declares, before anything else of the request is looked at. */
export function requireLength(request: FastifyRequest, maxBytes: number): void {
  const declared = request.headers["content-length"];
  if (declared === undefined || Number(declared) <= maxBytes) return;
  throw bodyTooLarge(`The body has ${declared} bytes; this endpoint takes at most ${maxBytes}.`, `${maxBytes} bytes`);
}

export interface HashingStream {
  stream: Readable;
  /** SHA-256 in hexadecimal, once the whole body was read. */
  sha256(): string | undefined;
}

/**
 * A request's body as a stream that is hashed on the way. Whoever gives up on it does not close the connection with
 * it, which still has to carry the answer. It fails with 413 beyond `maxBytes`.
 */
export function hashingStream(source: Readable, maxBytes: number): HashingStream {
  const hash = createHash("sha256");
  let digest: string | undefined;
  let sizeBytes = 0;
  async function* pass(): AsyncGenerator<Buffer> {
    for await (const chunk of source.iterator({ destroyOnReturn: false })) {
      const bytes = chunk as Buffer;
      sizeBytes += bytes.length;
      if (sizeBytes > maxBytes) throw bodyTooLarge(`The body is larger than ${maxBytes} bytes.`, `${maxBytes} bytes`);
      hash.update(bytes);
      yield bytes;
    }
    digest = hash.digest("hex");
  }
  return { stream: Readable.from(pass(), { objectMode: false }), sha256: () => digest };
}
