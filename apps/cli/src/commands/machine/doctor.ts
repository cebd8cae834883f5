import { command } from "../../command.ts";
import { exitCodes, UserError } from "../../errors.ts";
import { type Check, runChecks } from "../../doctor/checks.ts";

const MARKS = { ok: "✓", warning: "!", failed: "✗" } as const;

export const doctor = command({
  path: ["doctor"],
  group: "This machine",
  summary: "Check what whs needs, and say how to mend what is missing",
  args: {},
  options: {},
  async run(context) {
    const { output } = context;
    const { style } = output;
    const checks = await runChecks(context);
    const paint: Record<Check["state"], (text: string) => string> = { ok: style.green, warning: style.yellow, failed: style.red };
    const widest = Math.max(...checks.map(({ name }) => name.length));
    output.answer({ checks }, () =>
      checks
        .map(({ name, state, finding, fix }) => {
          const line = `${paint[state](MARKS[state])} ${name.padEnd(widest)}  ${finding}`;
          return fix === undefined ? line : `${line}\n  ${" ".repeat(widest)}  ${style.cyan(output.typed(fix))}`;
        })
        .join("\n"),
    );
    const failed = checks.filter(({ state }) => state === "failed").length;
    if (failed > 0) throw new UserError(`${failed} of ${checks.length} checks failed.`, {}, exitCodes.failed);
  },
});
