/** `whs` as a program: ends with the command's exit code. */
import { exitCodes } from "./errors.ts";
import { runWhs } from "./run.ts";

const { stdin, stdout, stderr } = process;

// A reader that has seen enough (`whs logs x | head`) is no failure.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(exitCodes.ok);
});

process.exitCode = await runWhs(process.argv.slice(2), { stdin, stdout, stderr });
