import { expect, test } from "vitest";
import { readAgentQuery, toApiQuery } from "./list-query.ts";

const asked = (query: string) => toApiQuery(readAgentQuery(new URLSearchParams(query)));

test("what the URL says is asked of the API", () => {
  expect(asked("search=+mail+&status=active&runtimeProvider=agentcore&sort=-name&cursor=abc")).toEqual({
    limit: 25,
    q: "mail",
    status: "active",
    runtimeProvider: "agentcore",
    sort: "-name",
    cursor: "abc",
  });
});

test.each(["", "search=", "sort=constructor", "status=broken", "runtimeProvider=none"])("%j means nothing and asks for all", (query) => {
  expect(asked(query)).toEqual({ limit: 25 });
});
