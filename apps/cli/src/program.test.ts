import { describe, expect, test } from "vitest";
import { commands, nouns } from "./commands/index.ts";
import type { SharedOptions } from "./context.ts";
import { createProgram } from "./program.ts";

async function parse(...argv: string[]) {
  const ran: { path: string; args: unknown; options: unknown; shared: SharedOptions }[] = [];
  const printed = { out: "", err: "" };
  const program = createProgram(
    "1.2.3",
    async ({ path }, { args, options }, shared) => {
      ran.push({ path: path.join(" "), args, options, shared });
    },
    { out: (text) => (printed.out += text), err: (text) => (printed.err += text) },
    "npx whs",
  );
  const failure = await program.parseAsync(argv, { from: "user" }).then(
    () => null,
    (error: unknown) => error,
  );
  return { ran: ran[0], failure, ...printed };
}

describe("what was typed", () => {
  test("reaches the command under its declared names", async () => {
    const { ran } = await parse("agents", "create", "echo", "--runtime", "agentcore", "--env-key", "A", "--env-key", "B");
    expect(ran).toMatchObject({
      path: "agents create",
      args: { name: "echo" },
      options: { runtime: "agentcore", envKey: ["A", "B"], description: undefined },
    });
  });

  test("does not let an option swallow an argument", async () => {
    const { ran } = await parse("tokens", "create", "--scope", "invoke", "ci");
    expect(ran).toMatchObject({ args: { name: "ci" }, options: { scope: ["invoke"] } });
  });

  test("gives all words of a message, in order", async () => {
    expect((await parse("invoke", "echo", "Hello", "you", "there")).ran?.args).toEqual({ agent: "echo", text: ["Hello", "you", "there"] });
  });

  test("leaves a message that looks like an option alone behind --", async () => {
    expect((await parse("invoke", "echo", "--", "--json")).ran).toMatchObject({ args: { text: ["--json"] }, shared: { json: false } });
  });

  test.each([
    [[], undefined],
    [["--wait"], true],
    [["--no-wait"], false],
  ])("tells deploy %j apart", async (flags, wait) => {
    expect((await parse("deploy", ...flags)).ran?.options).toMatchObject({ wait, inactive: false });
  });

  test("keeps the shared options apart from the command's own", async () => {
    const { ran } = await parse("--profile", "work", "usage", "--period", "2026-10", "--json", "--api-url", "http://a", "--no-color");
    expect(ran).toMatchObject({
      options: { period: "2026-10" },
      shared: { profile: "work", json: true, apiUrl: "http://a", color: false },
    });
    expect(Object.keys(ran?.options as object)).toEqual(["period"]);
  });

  test("is refused where a number is out of its range", async () => {
    const { failure, err } = await parse("agents", "list", "--limit", "101");
    expect(failure).not.toBeNull();
    expect(err).toContain("1 to 100");
  });
});

describe("help", () => {
  test("lists every command", async () => {
    const { out } = await parse("--help");
    for (const { path, summary } of commands) {
      const help = path.length === 1 ? out : (await parse(path[0], "--help")).out;
      expect(help.replace(/\s+/g, " ")).toContain(`${path.at(-1)}`);
      expect(help.replace(/\s+/g, " ")).toContain(summary);
    }
  });

  test("names every noun", () => {
    expect(Object.keys(nouns).toSorted()).toEqual(
      [...new Set(commands.filter(({ path }) => path.length === 2).map(({ path }) => path[0]))].toSorted(),
    );
  });

  test.each(commands.map(({ path }) => [path]))("of %j shows its arguments, options and the shared ones", async (path) => {
    const { out } = await parse(...path, "--help");
    const declaration = commands.find((candidate) => candidate.path === path);
    for (const { summary } of [...Object.values(declaration?.args ?? {}), ...Object.values(declaration?.options ?? {})])
      expect(out.replace(/\s+/g, " ")).toContain(summary);
    expect(out).toContain("--json");
  });

  test("of a mistake points to the command's own", async () => {
    expect((await parse("deployments", "activate", "echo")).err).toContain("Next: npx whs deployments activate --help");
  });

  test("of an unknown verb names those of its noun", async () => {
    const { err } = await parse("agents", "show", "echo");
    expect(err).toContain("It can: list, get, connect, create");
    expect(err).toContain("Next: npx whs agents --help");
  });
});

test("no two commands have the same path", () => {
  const paths = commands.map(({ path }) => path.join(" "));
  expect(new Set(paths).size).toBe(paths.length);
});
