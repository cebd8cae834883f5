/** What can be said of an agent when it is made and later. */
export const agentOptions = {
  runtime: { kind: "text", value: "name", summary: "Where it runs", choices: ["cloudflare", "agentcore"] },
  description: { kind: "text", value: "text", summary: "What it does" },
  framework: { kind: "text", value: "name", summary: "What it is made with" },
  envKey: { kind: "list", value: "KEY", summary: "A secret or setting that it may have; repeat for more" },
} as const;
