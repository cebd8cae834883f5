/** `npm run check`: everything that can be said about the code without running it. All checks run; any failure fails. */
import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import path from "node:path";
import { root } from "./install.mjs";

interface Check {
  name: string;
  command: readonly string[];
}

const bin = (name: string): string => path.join(root, "node_modules", ".bin", name);
const node = process.execPath;

/** Files that a script writes: the script with `--check` fails when the file is not what it would write now. */
const GENERATED: readonly string[] = ["scripts/complete-lock.ts", "packages/api/scripts/write-openapi.ts", "scripts/write-conformance.ts"];

const CHECKS: readonly Check[] = [
  { name: "types", command: [bin("tsc"), "--noEmit", "-p", root] },
  // A workspace with its own settings (JSX, DOM) has a tsconfig.json of its own.
  ...globSync("{apps,packages,examples}/*/tsconfig.json", { cwd: root }).map((file) => ({
    name: `types of ${path.dirname(file)}`,
    command: [bin("tsc"), "--noEmit", "-p", file],
  })),
  { name: "lint", command: [bin("oxlint"), "--type-aware", "--deny-warnings"] },
  { name: "imports", command: [node, "scripts/check-imports.ts"] },
  { name: "format", command: [bin("oxfmt"), "--check"] },
  { name: "unused code and dependencies", command: [bin("knip")] },
  ...GENERATED.filter((script) => existsSync(path.join(root, script))).map((script) => ({
    name: `output of ${script}`,
    command: [node, script, "--check"],
  })),
];

const failed: string[] = [];
for (const { name, command } of CHECKS) {
  const [program = "", ...args] = command;
  const result = spawnSync(program, args, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const passed = result.status === 0;
  if (!passed) {
    failed.push(name);
    process.stdout.write(`${result.error?.message ?? ""}${result.stdout}${result.stderr}`);
  }
  process.stdout.write(`${passed ? "✓" : "✗"} ${name}\n`);
}
if (failed.length > 0) process.stdout.write(`\nFailed: ${failed.join(", ")}\n`);
process.exit(failed.length === 0 ? 0 : 1);
