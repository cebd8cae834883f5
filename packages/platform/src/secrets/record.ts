import { createHash } from "node:crypto";
import { SecretStoreError } from "./port.ts";

/**
 * What the remote stores keep for one secret: a line of JSON that says where the record belongs, then the value's bytes.
 * The remote store encrypts; the line tells a record that was cut, edited by hand or copied to another place.
 */
interface RecordHeader {
  /** Format of the record. */
  v: 1;
  place: string;
  path: string;
  /** Of the value, hex. */
  sha256: string;
}

export function encodeRecord(place: string, path: string, value: string): Buffer {
  const bytes = Buffer.from(value, "utf8");
  const header: RecordHeader = { v: 1, place, path, sha256: sha256(bytes) };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`, "utf8"), bytes]);
}

/** @throws SecretStoreError `damaged` for anything but what `encodeRecord` made for this place. */
export function decodeRecord(place: string, record: Buffer): string {
  const lineEnd = record.indexOf("\n");
  const header = lineEnd < 0 ? undefined : parseHeader(record.toString("utf8", 0, lineEnd));
  const value = record.subarray(lineEnd + 1);
  if (header === undefined || header["v"] !== 1 || header["place"] !== place || header["sha256"] !== sha256(value)) throw damaged(place);
  return value.toString("utf8");
}

export function damaged(place: string): SecretStoreError {
  return new SecretStoreError("damaged", `The secret store's entry ${place} is damaged, or was written for another place.`);
}

/** Undefined when it is not one; the parser's own error would show a part of what it read. */
function parseHeader(line: string): Record<string, unknown> | undefined {
  try {
    const header: unknown = JSON.parse(line);
    return typeof header === "object" && header !== null ? { ...header } : undefined;
  } catch {
    return undefined;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
