/** What a person sees of the stack. */
import type { Stack } from "./stack.ts";

/** Where the command line looks when nobody tells it. */
const CLI_DEFAULT_URL = "http://127.0.0.1:8787";

/** A table of what runs where, what each process has to say, and the first thing to do. */
export function startedMessage(stack: Stack, seconds: number): string {
  const processes = Object.values(stack.processes);
  const rows = processes.map((running) => [running.title, withoutPassword(running.readiness?.url ?? "")] as const);
  const widest = Math.max(...rows.map(([title]) => title.length));
  const table = rows.map(([title, url]) => `  ${title.padEnd(widest)}  ${url}`);
  const notes = processes.flatMap((running) => running.readiness?.notes ?? []).map((note) => `  ${note}`);
  return [
    `Ready in ${seconds.toFixed(1)} s.`,
    "",
    ...table,
    ...(notes.length > 0 ? ["", ...notes] : []),
    "",
    `  Data and logs in ${stack.dataDir}. Ctrl-C stops everything.`,
    "",
    ...firstStep(stack),
  ].join("\n");
}

function firstStep({ endpoints }: Stack): string[] {
  if (endpoints.whs === undefined) return [];
  return [
    ...(endpoints.web === undefined
      ? ["First agent, from another terminal in this folder:"]
      : [`First agent: open ${endpoints.web} in a browser and sign up there.`, "", "Or from another terminal in this folder:"]),
    "",
    ...(endpoints.whs === CLI_DEFAULT_URL ? [] : [`  export WHS_API_URL=${endpoints.whs}`]),
    "  npx whs login",
    "  npx whs init my-agent && cd my-agent",
    "  npx whs deploy",
    '  npx whs invoke my-agent "Hello"',
    "",
  ];
}

function withoutPassword(address: string): string {
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  url.password = "";
  return url.href.replace(/\/$/, "");
}
