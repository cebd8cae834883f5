/** The examples of this project, as beginnings of others. Each is a folder under `examples/`. */
export const templates = {
  echo: { summary: "answers what it is told", needsInstall: false },
  "session-counter": { summary: "remembers its session", needsInstall: false },
  "streaming-writer": { summary: "answers piece by piece", needsInstall: false },
  "order-desk": { summary: "has a secret, a log and errors", needsInstall: false },
  "front-desk": { summary: "calls other agents", needsInstall: false },
  hono: { summary: "a fetch handler with Hono", needsInstall: true },
  "ai-sdk": { summary: "the Vercel AI SDK", needsInstall: true },
} as const;

export type TemplateName = keyof typeof templates;
export const templateNames = Object.keys(templates) as [TemplateName, ...TemplateName[]];
