/** `artifactctl`: parses the command line, runs the command, and ends with one of the documented exit codes. */
import { EXIT } from "@whs/artifact/contract";
import { readEnvironment } from "./config.ts";
import { runArtifactctl } from "./run.ts";

const { stdout, stderr } = process;

// A reader that has seen enough (`artifactctl schema | head`) is no failure.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(EXIT.done);
});

process.exitCode = await runArtifactctl(process.argv.slice(2), { stdout, stderr, environment: readEnvironment(), cwd: process.cwd() });
