import type { ListrDefaultRendererLogLevels } from "listr2";
import type { Output } from "./output.ts";

/** What a step may say while it runs. */
export interface StepReport {
  /** Replaces the step's title. */
  title(text: string): void;
  /** What happens right now, under the title. */
  detail(text: string): void;
}

export interface Step {
  title: string;
  run(report: StepReport): Promise<void>;
}

/**
 * Runs steps one after the other: with spinners for a person, a line for each where standard error goes to a file,
 * and silently with `--json`.
 */
export async function runSteps(output: Output, steps: readonly Step[]): Promise<void> {
  // Some terminals do not know their width; nothing can be redrawn there.
  if (output.json || !output.stderr.isTTY || output.stderr.columns === 0) await runPlainly(output, steps);
  else await runWithSpinners(output.stderr, steps);
}

async function runPlainly(output: Output, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    let { title } = step;
    await step.run({ title: (text) => (title = text), detail: () => undefined });
    output.done(title);
  }
}

async function runWithSpinners(stderr: NodeJS.WriteStream, steps: readonly Step[]): Promise<void> {
  const { Listr, ListrLogger, ProcessOutput } = await import("listr2");
  const tasks = steps.map((step) => ({
    title: step.title,
    task: (_: unknown, task: { title: string; output: string }) =>
      step.run({
        title: (text) => (task.title = text),
        detail: (text) => (task.output = text),
      }),
  }));
  // Results go to standard output; what happens meanwhile must not mix with them.
  const logger = new ListrLogger<ListrDefaultRendererLogLevels>({
    useIcons: true,
    processOutput: new ProcessOutput(stderr, stderr, { leaveEmptyLine: false }),
  });
  await new Listr(tasks, {
    concurrent: false,
    renderer: "default",
    registerSignalListeners: false,
    rendererOptions: { logger, showErrorMessage: false },
  }).run();
}
