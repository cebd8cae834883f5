import { createHmac, timingSafeEqual } from "node:crypto";
import { invalidRequest } from "@whs/platform/errors";

export interface Cursors {
  /** `key` is the last item's sort key, which is unique in the list. */
  encode(list: string, key: string): string;
  /** @throws AppError `INVALID_REQUEST` for a cursor that this service did not make for this list. */
  decode(list: string, cursor: string): string;
}

const macBytes = 12;

/** Opaque cursors, base64url of the last item's sort key, bound to their list by a MAC so that a forged one is refused. */
export function createCursors(secret: Buffer): Cursors {
  const mac = (list: string, payload: Buffer) =>
    createHmac("sha256", secret).update(`cursor/${list}\0`).update(payload).digest().subarray(0, macBytes);
  return {
    encode(list, key) {
      const payload = Buffer.from(key);
      return Buffer.concat([mac(list, payload), payload]).toString("base64url");
    },
    decode(list, cursor) {
      const bytes = Buffer.from(cursor, "base64url");
      const payload = bytes.subarray(macBytes);
      if (
        bytes.length <= macBytes ||
        bytes.toString("base64url") !== cursor ||
        !timingSafeEqual(bytes.subarray(0, macBytes), mac(list, payload))
      ) {
        throw invalidRequest([{ fieldName: "cursor", message: "is not a cursor of this list; use nextCursor as it was answered" }]);
      }
      return payload.toString("utf8");
    },
  };
}

/** Cuts `rows`, fetched with one more than `limit`, into a page. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => Item,
  cursorAfter: (last: Row) => string,
): { items: Item[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { items: page.map(toItem), nextCursor: rows.length > limit && last !== undefined ? cursorAfter(last) : null };
}
