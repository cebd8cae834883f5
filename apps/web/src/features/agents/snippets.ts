/** How to call an agent from elsewhere. Each reads the token from the environment: none stands on the page. */
export interface Snippet {
  key: string;
  label: string;
  code: string;
}

export function snippetsFor(agent: { id: string; name: string }, apiUrl: string): Snippet[] {
  return [
    {
      key: "curl",
      label: "cURL",
      code: [
        `curl -N ${apiUrl}/v1/invoke/${agent.id}/stream \\`,
        `  -H "authorization: Bearer $WHS_API_TOKEN" \\`,
        `  -H "content-type: application/json" \\`,
        `  -d '{"input":{"prompt":"Hello"}}'`,
      ].join("\n"),
    },
    {
      key: "sdk",
      label: "TypeScript",
      code: [
        `import { invokeAgent, WhsClient } from "@whs/api";`,
        "",
        `const whs = new WhsClient({ baseUrl: "${apiUrl}", token: process.env.WHS_API_TOKEN });`,
        `const { output } = await whs.call(invokeAgent, {`,
        `  agentId: "${agent.id}",`,
        `  body: { input: { prompt: "Hello" } },`,
        "});",
      ].join("\n"),
    },
    {
      key: "openai",
      label: "OpenAI client",
      code: [
        `import OpenAI from "openai";`,
        "",
        `const client = new OpenAI({ baseURL: "${apiUrl}/v1", apiKey: process.env.WHS_API_TOKEN });`,
        `const answer = await client.chat.completions.create({`,
        `  model: "${agent.name}",`,
        `  messages: [{ role: "user", content: "Hello" }],`,
        "});",
      ].join("\n"),
    },
    { key: "cli", label: "Command line", code: `npx whs invoke ${agent.name} "Hello"` },
  ];
}
