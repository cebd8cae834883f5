import type { IncomingMessage } from "node:http";
import { AwsError } from "./aws-error.ts";

/** Bodies that are in memory at once, all requests together. */
const MAX_TOTAL_BYTES = 512 * 1024 * 1024;

/** Reads bodies whole, each and all of them bounded. */
export class BodyReader {
  private held = 0;

  /** Gives the body to `use`, and forgets it after that. @throws AwsError when there is no room for it. */
  async with<T>(request: IncomingMessage, maxBytes: number, use: (body: Buffer) => Promise<T>): Promise<T> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        size += chunk.length;
        this.held += chunk.length;
        if (size > maxBytes) throw new AwsError("RequestEntityTooLargeException", `The request is larger than ${maxBytes} bytes.`);
        if (this.held > MAX_TOTAL_BYTES) throw new AwsError("ThrottlingException", "Too many large requests are running.");
        chunks.push(chunk);
      }
      return await use(Buffer.concat(chunks, size));
    } finally {
      this.held -= size;
    }
  }
}
