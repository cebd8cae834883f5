import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { commands, nouns } from "../commands/index.ts";
import { completionScript } from "./scripts.ts";

/** What bash offers after these words. */
function complete(...words: string[]): string[] {
  const script = `${completionScript("bash", commands, nouns)}\nCOMP_WORDS=("$@")\nCOMP_CWORD=$(($# - 1))\n_whs\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", script, "bash", "whs", ...words], { encoding: "utf8" })
    .trim()
    .split("\n");
}

describe("bash", () => {
  test("completes nouns and verbs", () => {
    expect(complete("dep")).toEqual(["deployments", "deploy"]);
    expect(complete("deployments", "a")).toEqual(["activate"]);
  });

  test("completes a command's options behind its arguments", () => {
    expect(complete("invoke", "echo", "--s")).toEqual(["--session", "--stream"]);
    expect(complete("agents", "--json", "list", "--li")).toEqual(["--limit"]);
  });
});

test("fish gets every command with what it does", () => {
  const script = completionScript("fish", commands, nouns);
  for (const { path } of commands) expect(script).toContain(`-a ${path.at(-1)}`);
});

test.each(["bash", "zsh"] as const)("the script for %s is one that bash can read", (shell) => {
  expect(() => execFileSync("bash", ["-n"], { input: completionScript(shell, commands, nouns) })).not.toThrow();
});
