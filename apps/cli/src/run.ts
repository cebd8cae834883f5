/** `whs`: parses the command line, runs the command, and gives one of the documented exit codes. */
import { CommanderError } from "commander";
import { readEnvironment, readManners } from "./config.ts";
import { Context } from "./context.ts";
import { exitCodes } from "./errors.ts";
import { explainError, formatExplanation } from "./explain-error.ts";
import { createProgram } from "./program.ts";
import { Output } from "./terminal/output.ts";
import { version } from "./version.ts";

export interface Surroundings {
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  /** Default: the process's own. */
  variables?: NodeJS.ProcessEnv;
}

export async function runWhs(argv: readonly string[], { stdin, stdout, stderr, variables }: Surroundings): Promise<number> {
  const { noColor, program: typed } = readManners(variables);
  const createOutput = (json: boolean, color: boolean): Output =>
    new Output({ json, color: color && !noColor, stdout, stderr, program: typed });
  let output = createOutput(argv.includes("--json"), !argv.includes("--no-color"));
  try {
    const environment = readEnvironment(variables);
    const program = createProgram(
      version,
      async (command, input, shared) => {
        output = createOutput(shared.json, shared.color);
        // Parsing has produced what the declaration promises.
        await command.run(new Context({ environment, output, shared, stdin }), input as Parameters<typeof command.run>[1]);
      },
      { out: (text) => stdout.write(text), err: (text) => stderr.write(text) },
      typed,
    );
    if (argv.length === 0) stdout.write(program.helpInformation());
    else await program.parseAsync(argv, { from: "user" });
    return exitCodes.ok;
  } catch (error) {
    // The parser has printed its message, or the help that was asked for, already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const explanation = explainError(error);
    stderr.write(`${output.json ? JSON.stringify(explanation.envelope) : formatExplanation(explanation, output)}\n`);
    return explanation.exitCode;
  }
}
