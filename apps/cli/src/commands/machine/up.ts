import { command } from "../../command.ts";
import { UserError } from "../../errors.ts";

export const up = command({
  path: ["up"],
  group: "This machine",
  summary: "Start the whole stack on this machine, until Ctrl-C",
  args: {},
  options: {},
  async run({ output }) {
    if (output.json) throw new UserError("whs up runs until it is stopped and has no answer to print: leave out --json.");
    // Loaded here and not above: whoever uses a stack elsewhere need not have it.
    const stack = new URL("main.ts", import.meta.resolve("@whs/stack"));
    await import(stack.href);
  },
});
