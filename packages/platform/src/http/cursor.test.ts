import { AppError } from "@whs/platform/errors";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createCursors, toPage } from "./cursor.ts";

const cursors = createCursors(Buffer.alloc(32, 1));

function expectRefused(list: string, cursor: string): void {
  const decode = (): string => cursors.decode(list, cursor);
  expect(decode).toThrow(AppError);
  expect(decode).toThrow("cursor: is not a cursor of this list");
}

const key = fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }).filter((text) => text.isWellFormed());

test("a cursor gives back the key it was made of", () => {
  const roundTrip = (list: string, value: string): void => {
    expect(cursors.decode(list, cursors.encode(list, value))).toBe(value);
  };
  fc.assert(fc.property(fc.string(), key, roundTrip));
});

test("a cursor has only characters that a URL leaves alone", () => {
  const isPlain = (value: string): boolean => /^[A-Za-z0-9_-]+$/.test(cursors.encode("agents", value));
  fc.assert(fc.property(key, isPlain));
});

test("a cursor with any other byte is refused", () => {
  fc.assert(
    fc.property(key, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, position, change) => {
      const bytes = Buffer.from(cursors.encode("agents", value), "base64url");
      const index = position % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ change;
      expectRefused("agents", bytes.toString("base64url"));
    }),
  );
});

test("a cursor in another spelling, cut or extended is refused", () => {
  const cursor = cursors.encode("agents", "agt_01");
  for (const other of [`${cursor}=`, `${cursor} `, ` ${cursor}`, `${cursor}A`, cursor.slice(0, -1), cursor.slice(1), `${cursor}.`, ""])
    expectRefused("agents", other);
});

test("a cursor of another list is refused", () => {
  const twoLists = fc.uniqueArray(fc.string(), { minLength: 2, maxLength: 2 });
  fc.assert(fc.property(twoLists, key, ([list = "", other = ""], value) => expectRefused(other, cursors.encode(list, value))));
});

test("a cursor of another installation is refused", () => {
  expectRefused("agents", createCursors(Buffer.alloc(32, 2)).encode("agents", "agt_01"));
});

test("any text that is no cursor is refused", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => expectRefused("agents", text)));
});

test("a page ends with a cursor only if a row follows it", () => {
  const page = (rows: number[]) =>
    toPage(
      rows,
      2,
      (row) => `item ${row}`,
      (last) => `after ${last}`,
    );
  expect(page([])).toEqual({ items: [], nextCursor: null });
  expect(page([1, 2])).toEqual({ items: ["item 1", "item 2"], nextCursor: null });
  expect(page([1, 2, 3])).toEqual({ items: ["item 1", "item 2"], nextCursor: "after 2" });
});
