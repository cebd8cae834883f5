/**
 * Starts a program on whatever Node (20 or later) the launcher runs on: the programs are TypeScript and run on the Node that
 * the project pins. Plain JavaScript and built-in modules only.
 */
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import * as nodeModule from "node:module";
import { constants } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = path.dirname(realpathSync(fileURLToPath(import.meta.url)));

/**
 * @param {string} name what people type
 * @param {string} entry of the program, from the folder `src`
 */
export async function launch(name, entry) {
  const main = path.join(here, "..", "src", entry);
  const pinned = findPinnedNode(here);
  if (pinned === undefined && Number.parseInt(process.versions.node, 10) < 24) {
    process.stderr.write(`Error: ${name} needs Node 24, and this is ${process.version}.\nNext: npm install\n`);
    process.exit(1);
  }
  if (pinned === undefined || pinned === realpathSync(process.execPath)) {
    // Halves the time until a command runs. Where the folder cannot be written to, it only stays as it was.
    nodeModule.enableCompileCache?.(compileCache(pinned));
    await import(pathToFileURL(main).href);
  } else runWith(pinned, main);
}

/**
 * Next to the `node` package that runs this program; undefined leaves the choice to Node.
 * @param {string | undefined} node
 * @returns {string | undefined}
 */
function compileCache(node) {
  return node === undefined
    ? undefined
    : path.join(node.slice(0, node.lastIndexOf(`${path.sep}node${path.sep}bin${path.sep}`)), ".cache", "whs");
}

/**
 * The `node` package's binary, next to this program or in a folder above it.
 * @param {string} folder
 * @returns {string | undefined}
 */
function findPinnedNode(folder) {
  const file = path.join(folder, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
  if (existsSync(file)) return realpathSync(file);
  const parent = path.dirname(folder);
  return parent === folder ? undefined : findPinnedNode(parent);
}

/**
 * @param {string} node
 * @param {string} main
 */
function runWith(node, main) {
  const child = spawn(node, [main, ...process.argv.slice(2)], {
    // The channel closes when this process dies in any way, which a running stack takes as the order to stop.
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    // oxlint-disable-next-line node/no-process-env -- what a child process inherits
    env: { NODE_COMPILE_CACHE: compileCache(node), ...process.env },
  });
  // A terminal sends Ctrl-C to the child as well; passing it on would make two of one, and a second one means "at once".
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => {
      if (signal !== "SIGINT" || !onTerminal) child.kill(signal);
    });
  }
  child.on("error", (error) => {
    process.stderr.write(`Error: cannot run ${node}: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    // Where the signal is one that Node does not die of, shells expect this.
    process.exitCode = 128 + (constants.signals[signal] ?? 0);
  });
}
