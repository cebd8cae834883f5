import { expect, test } from "vitest";
import { UsageError } from "../../errors.ts";
import { parseExpiry } from "./expiry.ts";

const now = new Date("2026-11-21T12:00:00Z");

test.each([
  ["30d", "2026-12-21T12:00:00.000Z"],
  ["2027-01-31", "2027-01-31T00:00:00.000Z"],
  ["2027-01-31T10:00:00+02:00", "2027-01-31T08:00:00.000Z"],
])("--expires %s is %s", (text, time) => expect(parseExpiry(text, now)).toBe(time));

test.each(["", "soon", "30", "-1d", "0d", "2026-13-01", "2026-11-20"])("--expires %j is refused", (text) => {
  expect(() => parseExpiry(text, now)).toThrow(UsageError);
});
