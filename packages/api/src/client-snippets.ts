/** Clients that people already have, and for each a text that calls an agent with it. */
export const clients = ["openai", "ai-sdk", "mcp", "a2a", "ag-ui", "curl"] as const;
export type ClientName = (typeof clients)[number];

interface Target {
  /** Address of the API, without a slash at its end. */
  url: string;
  agent: { id: string; name: string };
}

/** Variable that the snippets read the API token from; none has the token itself. */
export const keyVariable = "WHS_API_TOKEN";

/** A snippet that works as it is where the token's variable is set. */
export function clientSnippet(client: ClientName, { url, agent }: Target): string {
  return snippets[client](url, agent).trim();
}

const snippets: Readonly<Record<ClientName, (url: string, agent: Target["agent"]) => string>> = {
  openai: (url, { name }) => `
// npm install openai
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${url}/v1", apiKey: process.env.${keyVariable} });
const completion = await client.chat.completions.create({
  model: "${name}",
  messages: [{ role: "user", content: "Hello" }],
});
console.log(completion.choices[0].message.content);
`,
  "ai-sdk": (url, { name }) => `
// npm install ai @ai-sdk/openai
import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";

const whs = createOpenAI({ baseURL: "${url}/v1", apiKey: process.env.${keyVariable} });
const { text } = await generateText({ model: whs("${name}"), prompt: "Hello" });
console.log(text);
`,
  mcp: (url, { name }) => `
// npm install @modelcontextprotocol/sdk
// The tool "${name}" is this agent; others of yours stand beside it.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const client = new Client({ name: "my-client", version: "1.0.0" });
await client.connect(
  new StreamableHTTPClientTransport(new URL("${url}/mcp"), {
    requestInit: { headers: { Authorization: \`Bearer \${process.env.${keyVariable}}\` } },
  }),
);
const { content } = await client.callTool({ name: "${name}", arguments: { prompt: "Hello" } });
console.log(content[0].text);
await client.close();
`,
  a2a: (url, { id }) => `
// npm install @a2a-js/sdk
import { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory } from "@a2a-js/sdk/client";

const fetchImpl = (input, init) => {
  const headers = new Headers(init?.headers);
  headers.set("Authorization", \`Bearer \${process.env.${keyVariable}}\`);
  return fetch(input, { ...init, headers });
};
const factory = new ClientFactory({
  transports: [new JsonRpcTransportFactory({ fetchImpl })],
  cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
});
const client = await factory.createFromUrl("${url}/a2a/${id}/");
const answer = await client.sendMessage({
  message: { messageId: crypto.randomUUID(), role: 1, parts: [{ content: { $case: "text", value: "Hello" } }] },
});
console.log(answer.parts[0].content.value);
`,
  "ag-ui": (url, { id }) => `
// npm install @ag-ui/client
import { HttpAgent } from "@ag-ui/client";

const agent = new HttpAgent({
  url: "${url}/ag-ui/${id}",
  headers: { Authorization: \`Bearer \${process.env.${keyVariable}}\` },
});
agent.addMessage({ id: crypto.randomUUID(), role: "user", content: "Hello" });
const { newMessages } = await agent.runAgent();
console.log(newMessages);
`,
  curl: (url, { id }) => `
curl ${url}/v1/invoke/${id} \\
  -H "Authorization: Bearer $${keyVariable}" \\
  -H "Content-Type: application/json" \\
  -d '{ "input": { "prompt": "Hello" } }'
`,
};
