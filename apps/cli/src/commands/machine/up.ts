import { fileURLToPath } from "node:url";
import { command, rest } from "../../command.ts";
import { UserError } from "../../errors.ts";

export const up = command({
  path: ["up"],
  group: "This machine",
  summary: "Start the whole stack on this machine, until Ctrl-C",
  args: { processes: rest("Only these, and what they need; default: all") },
  options: {},
  async run({ output }, { args }) {
    if (output.json) throw new UserError("whs up runs until it is stopped and has no answer to print: leave out --json.");
    // Loaded here and not above: whoever uses a stack elsewhere need not have it.
    const stack = new URL("main.ts", import.meta.resolve("@whs/stack"));
    // It takes this process over, and reads its command line as if it had been started by itself.
    process.argv.splice(1, process.argv.length, fileURLToPath(stack), ...args.processes);
    await import(stack.href);
  },
});
