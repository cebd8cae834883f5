#!/usr/bin/env node
/**
 * Entry of every root script: `node scripts/run.mjs <file.ts> [arguments]`.
 * Runs on any Node from 20 on with nothing installed: installs what is missing, then runs the file with the Node that
 * package.json pins, passing signals down and the exit code up. Plain JavaScript and built-in modules only.
 */
import { spawn } from "node:child_process";
import path from "node:path";
import { ensureInstalled, root } from "./install.mjs";

/** How often to look whether the parent (npm, a shell) still lives: a killed one can tell nobody. */
const PARENT_CHECK_INTERVAL_MS = 500;

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("Usage: node scripts/run.mjs <file.ts> [arguments]\n");
  process.exit(2);
}

const parent = process.ppid;
const node = ensureInstalled();
// The channel closes when this process dies in any way, which a server takes as the order to stop.
const child = spawn(node, [path.join(root, file), ...args], { stdio: ["inherit", "inherit", "inherit", "ipc"] });

for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.on(signal, () => child.kill(signal === "SIGHUP" ? "SIGTERM" : signal));
}
setInterval(() => {
  if (process.ppid !== parent) child.kill("SIGTERM");
}, PARENT_CHECK_INTERVAL_MS).unref();

// A server says to its launcher that it is ready; the person who launched this one reads it here.
child.on("message", (message) => process.stdout.write(`${JSON.stringify(message)}\n`));
child.on("error", (error) => {
  process.stderr.write(`Cannot run ${node}: ${error.message}\n`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  for (const name of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) process.removeAllListeners(name);
  process.kill(process.pid, signal);
});
