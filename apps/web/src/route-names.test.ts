import { expect, test } from "vitest";
import { createRouteNames } from "./route-names.ts";

const routeOf = createRouteNames({
  root: { id: "root", parentId: undefined, path: "" },
  public: { id: "public", parentId: "root", path: undefined },
  home: { id: "home", parentId: "public", path: undefined },
  rest: { id: "rest", parentId: "public", path: "*" },
  console: { id: "console", parentId: "root", path: undefined },
  agents: { id: "agents", parentId: "console", path: "agents" },
  agent: { id: "agent", parentId: "console", path: "agents/:agentId" },
  overview: { id: "overview", parentId: "agent", path: undefined },
  logs: { id: "logs", parentId: "agent", path: "logs" },
});

test.for([
  ["/", "/"],
  ["/_root.data", "/"],
  ["/agents", "/agents"],
  ["/agents.data", "/agents"],
  ["/agents/agt_1", "/agents/:agentId"],
  ["/agents/agt_1/logs", "/agents/:agentId/logs"],
  ["/agents/agt_1/logs.data", "/agents/:agentId/logs"],
  ["/nothing/here", undefined],
] as const)("the path %s is of the page %s", ([pathname, template]) => {
  expect(routeOf(pathname)).toBe(template);
});
