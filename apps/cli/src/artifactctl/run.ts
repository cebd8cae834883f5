import { EXIT, type ExitStatus } from "@whs/artifact/contract";
import { CommanderError } from "commander";
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Environment } from "./config.ts";
import { Context } from "./context.ts";
import { UsageError } from "./errors.ts";
import { Output, type Sink } from "./output.ts";
import { createProgram } from "./program.ts";

const { version } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")));

export interface Surroundings {
  stdout: Sink;
  stderr: Sink;
  environment: Environment;
  /** Where relative paths start. */
  cwd: string;
}

/** Runs one command line and gives the status to end with. */
export async function runArtifactctl(argv: readonly string[], { stdout, stderr, environment, cwd }: Surroundings): Promise<ExitStatus> {
  const isJson = argv.includes("--json");
  let status: ExitStatus = EXIT.done;
  const program = createProgram({
    version,
    print: { out: (text) => void stdout.write(text), err: (text) => void stderr.write(text) },
    end: (ended) => (status = ended),
    createContext: (json) => new Context({ environment, cwd, output: new Output({ json, noColor: environment.noColor, stdout, stderr }) }),
  });
  try {
    if (argv.length === 0) stdout.write(program.helpInformation());
    else await program.parseAsync(argv, { from: "user" });
    return status;
  } catch (error) {
    // The parser has printed its message, or the help that was asked for, already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const { exitCode, code, message } = explain(error);
    stderr.write(isJson ? `${JSON.stringify({ exitCode, error: { code, message } })}\n` : `Error: ${message}\n`);
    return exitCode;
  }
}

function explain(error: unknown): { exitCode: ExitStatus; code: string; message: string } {
  if (error instanceof UsageError) return { exitCode: EXIT.usage, code: "USAGE", message: error.message };
  if (error instanceof Error && "syscall" in error) return { exitCode: EXIT.failed, code: "SYSTEM", message: error.message };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exitCode: EXIT.failed, code: "FAULT", message: `This is a fault of artifactctl itself: ${text}` };
}
