import type { Agent } from "@whs/api";
import { describe, expect, test } from "vitest";
import { readAgentQuery, selectAgents } from "./select-agents.ts";

const agent = (name: string, over: Partial<Agent> = {}): Agent => ({
  id: `agt_${name}`,
  userId: "usr_1",
  name,
  description: null,
  framework: null,
  runtimeProvider: "cloudflare",
  status: "created",
  activeDeploymentId: null,
  envVarKeys: [],
  providerConfig: { cloudflare: null, agentcore: null },
  sharing: "private",
  createdAt: "2026-01-01T00:00:00Z",
  updatedAt: "2026-01-01T00:00:00Z",
  lastDeployedAt: null,
  ...over,
});
const ALL = [
  agent("beta", { status: "active", createdAt: "2026-01-02T00:00:00Z" }),
  agent("Alpha", { description: "answers mail", createdAt: "2026-01-03T00:00:00Z" }),
  agent("gamma", { runtimeProvider: "agentcore" }),
];
const names = (query: string): string[] => selectAgents(ALL, readAgentQuery(new URLSearchParams(query))).agents.map(({ name }) => name);

describe("the list of agents", () => {
  test.each([
    ["", ["Alpha", "beta", "gamma"]],
    ["sort=name", ["Alpha", "beta", "gamma"]],
    ["sort=-name", ["gamma", "beta", "Alpha"]],
    ["sort=createdAt", ["gamma", "beta", "Alpha"]],
    ["search=MAIL", ["Alpha"]],
    ["status=active", ["beta"]],
    ["runtimeProvider=agentcore", ["gamma"]],
    ["search=a&status=created&sort=name", ["Alpha", "gamma"]],
    ["search=nothing-like-it", []],
  ])("%j shows what it says", (query, expected) => {
    expect(names(query)).toEqual(expected);
  });

  test.each(["sort=constructor", "status=broken", "page=-1", "page=x", "runtimeProvider=none"])(
    "%j means nothing and changes nothing",
    (query) => {
      expect(names(query)).toEqual(names(""));
    },
  );

  test("pages follow each other without gap or repetition", () => {
    const many = Array.from({ length: 60 }, (_, index) => agent(`agent-${index}`));
    const pages = [0, 1, 2].map((page) => selectAgents(many, readAgentQuery(new URLSearchParams({ page: String(page) }))));
    expect(pages.map(({ nextPage, found }) => [nextPage, found])).toEqual([
      [1, 60],
      [2, 60],
      [null, 60],
    ]);
    expect(new Set(pages.flatMap(({ agents }) => agents.map(({ id }) => id))).size).toBe(60);
  });
});
