/** How to call an agent from elsewhere. Each reads the token from the environment: none stands on the page. For loaders. */
import { clients, clientSnippet, type ClientName } from "@whs/api";

export interface Snippet {
  key: string;
  label: string;
  code: string;
}

const LABELS: Readonly<Record<ClientName, string>> = {
  curl: "cURL",
  openai: "OpenAI client",
  "ai-sdk": "AI SDK",
  mcp: "MCP",
  a2a: "A2A",
  "ag-ui": "AG-UI",
};

export function snippetsFor(agent: { id: string; name: string }, apiUrl: string): Snippet[] {
  const [curl, ...others] = clients
    .toSorted((a, b) => Number(b === "curl") - Number(a === "curl"))
    .map((client) => ({ key: client, label: LABELS[client], code: clientSnippet(client, { url: apiUrl, agent }) }));
  return [
    ...(curl === undefined ? [] : [curl]),
    { key: "sdk", label: "TypeScript", code: sdkSnippet(agent, apiUrl) },
    ...others,
    { key: "cli", label: "Command line", code: `npx whs invoke ${agent.name} "Hello"` },
  ];
}

function sdkSnippet({ id }: { id: string }, apiUrl: string): string {
  return [
    `import { invokeAgent, WhsClient } from "@whs/api";`,
    "",
    `const whs = new WhsClient({ baseUrl: "${apiUrl}", token: process.env.WHS_API_TOKEN });`,
    `const { output } = await whs.call(invokeAgent, {`,
    `  agentId: "${id}",`,
    `  body: { input: { prompt: "Hello" } },`,
    "});",
  ].join("\n");
}
