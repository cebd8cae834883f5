import { expect, test } from "vitest";
import { clients, clientSnippet } from "./client-snippets.ts";

const agent = { id: "agt_1", name: "echo" };

test.each(clients)("the snippet for %s names the agent, its door and the token's variable", (client) => {
  const snippet = clientSnippet(client, { url: "https://whs.example", agent });
  const doors = { openai: "/v1", "ai-sdk": "/v1", mcp: "/mcp", a2a: "/a2a/agt_1", "ag-ui": "/ag-ui/agt_1", curl: "/v1/invoke/agt_1" };
  expect(snippet).toContain(`https://whs.example${doors[client]}`);
  expect(snippet).toMatch(/"echo"|agt_1/);
  expect(snippet).toContain("WHS_API_TOKEN");
});
