import { expect, test } from "vitest";
import { readSearchQuery, toSearchInput } from "./search-query.ts";

test("a URL without anything asks for everything, in the API's order", () => {
  expect(toSearchInput(readSearchQuery(new URLSearchParams()))).toEqual({});
});

test("what a URL says is what the API is asked", () => {
  const search = new URLSearchParams("q=+mail+&tags=a,b&tags=b&categories=office&kind=whs_agent&sort=name&cursor=abc");
  expect(toSearchInput(readSearchQuery(search))).toEqual({
    q: "mail",
    tags: "a,b",
    categories: "office",
    assetKind: "whs_agent",
    sort: "name",
    cursor: "abc",
  });
});

test("what means nothing is left out, and nothing is longer than the API takes", () => {
  const tags = Array.from({ length: 40 }, (_, index) => `tag-${index}`).join(",");
  const query = readSearchQuery(new URLSearchParams({ q: "x".repeat(500), tags, kind: "boat", sort: "luck" }));
  expect([query.q.length, query.tags.length, query.kind, query.sort]).toEqual([200, 20, null, null]);
});
