import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { root } from "./install.mjs";

const LOCK = {
  packages: { "": {}, "node_modules/tool": { version: "1.0.0" }, "node_modules/other-platform": { version: "1.0.0", optional: true } },
};
const INSTALLED = { packages: { "node_modules/tool": { version: "1.0.0" } } };

let project: string;
let npmCalls: string;

/** A project that has everything but a network: a stand-in for npm writes down how it was called and fails. */
beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), "whs-run-"));
  npmCalls = path.join(project, "npm-calls");
  for (const script of ["run.mjs", "install.mjs"]) cpSync(path.join(root, "scripts", script), path.join(project, "scripts", script));
  write("package-lock.json", JSON.stringify(LOCK));
  write("bin/npm", `#!/bin/sh\necho "$@" >> ${npmCalls}\nexit 1\n`);
  chmodSync(path.join(project, "bin", "npm"), 0o755);
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

function write(file: string, content: string): void {
  mkdirSync(path.dirname(path.join(project, file)), { recursive: true });
  writeFileSync(path.join(project, file), content);
}

function install(installed: object = INSTALLED): void {
  write("node_modules/.package-lock.json", JSON.stringify(installed));
  mkdirSync(path.join(project, "node_modules/node/bin"), { recursive: true });
  symlinkSync(process.execPath, path.join(project, "node_modules/node/bin/node"));
}

function run(program: string, ...args: string[]): { child: ChildProcess; output: () => string } {
  write("program.ts", program);
  const env = { ...process.env, PATH: `${path.join(project, "bin")}:${process.env.PATH}` };
  const child = spawn(process.execPath, [path.join(project, "scripts/run.mjs"), "program.ts", ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output };
}

test("with everything installed the program runs at once, with its arguments, and its exit code comes through", async () => {
  install();
  const { child, output } = run(
    "const words: string[] = process.argv.slice(2); console.log(words.join('+')); process.exit(7);",
    "--demo",
    "x",
  );
  expect(await once(child, "close")).toEqual([7, null]);
  expect(output()).toBe("--demo+x\n");
  expect(existsSync(npmCalls)).toBe(false);
});

test("a fresh clone is installed from its lock file, and a failed installation stops there", async () => {
  const { child, output } = run("console.log('not reached');");
  expect(await once(child, "close")).toEqual([1, null]);
  expect(readFileSync(npmCalls, "utf8")).toMatch(/^ci /);
  expect(output()).not.toContain("not reached");
});

test("dependencies of another lock file are brought up to date in place", async () => {
  install({ packages: { "node_modules/tool": { version: "0.9.0" } } });
  const { child } = run("console.log('not reached');");
  expect(await once(child, "close")).toEqual([1, null]);
  expect(readFileSync(npmCalls, "utf8")).toMatch(/^install --no-save /);
});

test.each(["SIGTERM", "SIGINT"] as const)("%s reaches the program, which decides how to end", async (signal) => {
  install();
  const { child, output } = run(
    "process.on(process.argv[2]!, () => { console.log('asked'); process.exit(3); }); setInterval(() => {}, 1000); console.log('up');",
    signal,
  );
  if (child.stdout !== null) await once(child.stdout, "data");
  child.kill(signal);
  expect(await once(child, "close")).toEqual([3, null]);
  expect(output()).toBe("up\nasked\n");
});

test("a program learns that its runner was killed", async () => {
  install();
  const gone = path.join(project, "gone");
  const program = `import { writeFileSync } from "node:fs"; process.on("disconnect", () => { writeFileSync(${JSON.stringify(gone)}, "yes"); process.exit(); }); setInterval(() => {}, 1000); console.log("up");`;
  const { child } = run(program);
  const ended = child.stdout === null ? undefined : once(child.stdout, "end");
  if (child.stdout !== null) await once(child.stdout, "data");
  child.kill("SIGKILL");
  await ended;
  expect(readFileSync(gone, "utf8")).toBe("yes");
});
