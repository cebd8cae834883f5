/**
 * What `npm start` and `whs up` run: the whole stack, or the processes that are named and what they need, until Ctrl-C. With
 * `--demo` it also fills it with something to look at.
 */
import { onShutdown } from "@whs/platform/process";
import { startedMessage } from "./console.ts";
import { readStackConfig } from "./config.ts";
import { fillDemo } from "./demo/fill-demo.ts";
import { PROCESSES, type ProcessName } from "./processes.ts";
import { startStack, type Stack } from "./stack.ts";

/** The stack keeps its own deadlines, which end a moment before this one. */
const STOP_TIMEOUT_MS = 12_000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const asked = process.argv.slice(2);
const withDemo = asked.includes("--demo");

const startedAt = Date.now();
const starting = start();

onShutdown(
  async () => {
    say("\nStopping …");
    await (await starting)?.stop();
    say("Stopped.");
  },
  { timeoutMs: STOP_TIMEOUT_MS },
);

const stack = await starting;
if (stack === undefined) process.exit(1);
say(startedMessage(stack, (Date.now() - startedAt) / 1000));
if (withDemo) await showDemo(stack);

async function showDemo(started: Stack): Promise<void> {
  say("Filling it with something to look at:\n");
  try {
    const { email, password } = await fillDemo({ stack: started, say });
    say(`\n  Sign in as ${email} with the password ${password}\n`);
  } catch (error) {
    say(`  That failed, and the rest runs on: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function start(): Promise<Stack | undefined> {
  try {
    const config = readStackConfig();
    const names = processNames(asked.filter((word) => word !== "--demo"));
    say("Starting …");
    return await startStack({
      ...config,
      ...(names.length > 0 ? { processes: names } : {}),
      onEvent: ({ type, message }) => (type === "crashed" ? say(message) : undefined),
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

function processNames(words: readonly string[]): ProcessName[] {
  return words.map((word) => {
    const declaration = PROCESSES.find(({ name }) => name === word);
    if (declaration === undefined)
      throw new Error(`Cannot start "${word}": the processes are ${PROCESSES.map(({ name }) => name).join(", ")}.`);
    return declaration.name;
  });
}
