import { Transform, type TransformCallback } from "node:stream";
import { EgressRefusal } from "./refusal.ts";

/** Cuts a transfer off instead of letting it fill the memory of whoever reads it. */
export class BoundedBody extends Transform {
  private readonly maxBytes: number;
  private bytes = 0;

  constructor(maxBytes: number) {
    super();
    this.maxBytes = maxBytes;
  }

  override _transform(chunk: Buffer, _encoding: string, callback: TransformCallback): void {
    this.bytes += chunk.length;
    if (this.bytes > this.maxBytes) callback(new EgressRefusal(`more than ${this.maxBytes} bytes`));
    else callback(null, chunk);
  }
}
