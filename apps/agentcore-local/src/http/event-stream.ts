/** AWS's binary event stream: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html */
import { crc32 } from "node:zlib";

export const EVENT_STREAM_TYPE = "application/vnd.amazon.eventstream";

const PRELUDE_BYTES = 8;
const CHECKSUM_BYTES = 4;
/** Kind of a header's value: text with its length in two bytes. */
const TEXT_HEADER = 7;

/** One message with a JSON payload: an event, or an error that ends the stream. */
export function encodeMessage(kind: "event" | "exception", type: string, payload: unknown): Buffer {
  const headers = Buffer.concat([
    header(":message-type", kind),
    header(kind === "event" ? ":event-type" : ":exception-type", type),
    header(":content-type", "application/json"),
  ]);
  const body = Buffer.from(JSON.stringify(payload));
  const prelude = Buffer.alloc(PRELUDE_BYTES);
  prelude.writeUInt32BE(PRELUDE_BYTES + CHECKSUM_BYTES + headers.length + body.length + CHECKSUM_BYTES, 0);
  prelude.writeUInt32BE(headers.length, 4);
  const message = Buffer.concat([prelude, checksum(prelude), headers, body]);
  return Buffer.concat([message, checksum(message)]);
}

function header(name: string, value: string): Buffer {
  const text = Buffer.from(value);
  const head = Buffer.concat([Buffer.from([Buffer.byteLength(name)]), Buffer.from(name), Buffer.from([TEXT_HEADER, 0, 0])]);
  head.writeUInt16BE(text.length, head.length - 2);
  return Buffer.concat([head, text]);
}

function checksum(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(CHECKSUM_BYTES);
  sum.writeUInt32BE(crc32(bytes));
  return sum;
}
