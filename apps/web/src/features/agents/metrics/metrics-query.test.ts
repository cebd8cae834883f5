import { expect, test } from "vitest";
import { neighboursOf, readMetricsQuery, windowOf } from "./metrics-query.ts";

const now = Date.parse("2026-11-21T12:00:00.000Z");
const read = (text: string) => readMetricsQuery(new URLSearchParams(text));

test("without anything in the URL the last day is shown by the hour", () => {
  expect(windowOf(read(""), now)).toEqual({ from: "2026-11-20T12:00:00.000Z", to: "2026-11-21T12:00:00.000Z", bucket: "hour" });
});

test("a range is as many whole buckets as it says, and one at the least", () => {
  const later = now + 61_000;
  expect(windowOf(read("range=24h"), later)).toMatchObject({ from: "2026-11-20T13:00:00.000Z", to: "2026-11-21T13:00:00.000Z" });
  expect(windowOf(read("range=1h&bucket=day"), later)).toMatchObject({ from: "2026-11-21T00:00:00.000Z", to: "2026-11-22T00:00:00.000Z" });
});

test("what is no range, bucket or time is as if it were not there", () => {
  expect(read("range=constructor&bucket=week&to=soon&deployment=")).toEqual({ range: "24h", bucket: null, deploymentId: null, to: null });
});

test("a chosen bucket wins over the range's own", () => {
  expect(windowOf(read("range=30d&bucket=hour"), now).bucket).toBe("hour");
});

test("earlier and later lead to the ranges beside this one, and the last one is now", () => {
  const earlier = neighboursOf(read("range=7d"), now);
  expect(earlier).toEqual({ earlier: "2026-11-14T12:00:00.000Z", later: null, atEnd: true });
  expect(neighboursOf(read(`range=7d&to=${earlier.earlier}`), now)).toEqual({
    earlier: "2026-11-07T12:00:00.000Z",
    later: null,
    atEnd: false,
  });
  expect(neighboursOf(read("range=7d&to=2026-11-01T00:00:00Z"), now).later).toBe("2026-11-08T00:00:00.000Z");
});
