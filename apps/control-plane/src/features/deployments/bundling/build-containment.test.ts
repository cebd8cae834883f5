import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BundleBuildError } from "./build-bundle.ts";
import { agent, createBundleFolder, importing, places, SECRET, type BundleFolder, type Files } from "./testing/bundle-folder.ts";

let folder: BundleFolder;
beforeEach(async () => {
  folder = await createBundleFolder();
});
afterEach(() => folder.remove());

describe.each(places)("$kind", ({ current }) => {
  const at = () => ({ sandbox: current });

  describe("a bundle reads nothing outside itself", () => {
    const escapes: [way: string, files: () => Files][] = [
      ["an absolute import", () => importing(join(folder.path, "secret.txt"))],
      ["an absolute import of a system file", () => importing("/etc/passwd", ' with { type: "text" }')],
      ["a relative import", () => importing("../../secret.txt")],
      ["a file URL", () => importing(pathToFileURL(join(folder.path, "secret.json")).href)],
      [
        "an import from a data URL",
        () => importing(`data:text/javascript,export { default } from ${JSON.stringify(join(folder.path, "secret.json"))}`),
      ],
      ["a symbolic link", () => ({ ...importing("./innocent.txt"), "src/innocent.txt": { link: "../../secret.txt" } })],
      ["a symbolic link to a system file", () => ({ ...importing("./innocent.txt"), "src/innocent.txt": { link: "/etc/passwd" } })],
      ["a linked directory", () => ({ ...importing("./up/secret.txt"), "src/up": { link: "../.." } })],
      ["a linked entrypoint", () => ({ "src/agent.ts": { link: "../../secret.js" } })],
      ["linked WebAssembly", () => ({ ...importing("./a.wasm"), "src/a.wasm": { link: "../../secret.txt" } })],
      ["a package's main field", () => ({ ...importing("pkg"), "node_modules/pkg/package.json": '{ "main": "../../../secret.txt" }' })],
      ["a package's exports", () => ({ ...importing("pkg"), "node_modules/pkg/package.json": '{ "exports": "./../../../secret.txt" }' })],
      ["an imports map", () => ({ ...importing("#secret"), "package.json": '{ "imports": { "#secret": "../secret.json" } }' })],
      [
        "tsconfig paths",
        () => ({
          ...importing("secret"),
          "tsconfig.json": '{ "extends": "../secret.json", "compilerOptions": { "paths": { "secret": ["../secret.txt"] } } }',
        }),
      ],
      ["a Plug'n'Play manifest", () => ({ ...importing("pkg/secret.json"), ".pnp.data.json": plugAndPlay() })],
    ];

    test.each(escapes)("by %s", async (_way, files) => {
      const error = await folder.refusal(files(), at());
      const shown = JSON.stringify([error.message, error.findings, error.stack]);
      expect(shown).not.toContain(SECRET);
      expect(shown).not.toContain("root:x:");
      expect(error.findings[0]?.file).toBe("src/agent.ts");
      expect(error.findings[0]?.message).toMatch(/leaves the bundle|cannot find|cannot import|not in the bundle/);
    });

    test.each([
      ["a pattern import", { "src/agent.ts": "export default { invoke: (name) => import(`../../${name}.json`) };" }],
      ["a pattern require", { "src/agent.ts": 'export default { invoke: (name) => require("../../" + name + ".js") };' }],
      [
        "a pattern through a linked directory",
        { "src/agent.ts": "export default { invoke: (name) => import(`./up/${name}.json`) };", "src/up": { link: "../.." } },
      ],
      ["a source map comment", { "src/agent.ts": `${agent}\n//# sourceMappingURL=../../secret.json` }],
      ["a source map comment after code", { "src/agent.ts": `${agent} //# sourceMappingURL=../../secret.json` }],
      ["an absolute source map comment", { "src/agent.ts": `${agent}\n/*# sourceMappingURL=/etc/passwd */` }],
      [
        "a linked source map",
        { "src/agent.ts": `${agent}\n//# sourceMappingURL=agent.js.map`, "src/agent.js.map": { link: "../../secret.json" } },
      ],
      ["tsconfig extends", { "src/agent.ts": agent, "tsconfig.json": '{ "extends": "../secret.js" }' }],
      [
        "a browser map",
        { ...importing("./a.js"), "src/a.js": "export default 1;", "package.json": '{ "browser": { "./src/a.js": "../secret.json" } }' },
      ],
    ] satisfies [string, Files][])("by %s", async (_way, files) => {
      const outcome = await folder.build(files, at()).catch((error: unknown) => error);
      const shown = outcome instanceof Error ? `${outcome.message} ${JSON.stringify(outcome)}` : JSON.stringify(outcome);
      expect(shown).not.toContain(SECRET);
      expect(outcome instanceof BundleBuildError || !(outcome instanceof Error)).toBe(true);
    });
  });

  describe("limits", () => {
    /** Takes esbuild some seconds. */
    const slow = { "src/agent.ts": `export default [${"{a:1,b:'x'},".repeat(1_500_000)}]` };

    test("a bundle that takes too long is stopped, and leaves no process", async () => {
      const others = await descendants();
      // Room enough, so that it is time which runs out first.
      const outcome = folder.refusal(slow, { ...at(), timeoutMs: 3000, limits: { memoryMb: 8192 } });
      const processes = await familyUntil(others, outcome);
      expect(processes).not.toEqual([]);
      expect((await outcome).findings).toEqual([
        { file: "src/agent.ts", message: expect.stringContaining("more than 3 seconds") as string },
      ]);
      await until(async () => (await running(processes)).length === 0);
    });

    test("an aborted build ends with the signal's reason, and leaves no process", async () => {
      const others = await descendants();
      const stop = new AbortController();
      const outcome = folder.build(slow, { ...at(), signal: stop.signal }).catch((error: unknown) => error);
      const processes = await esbuildFamily(others);
      stop.abort(new Error("stopped by the test"));
      expect(await outcome).toMatchObject({ message: "stopped by the test" });
      await until(async () => (await running(processes)).length === 0);
    });

    test("a bundle that needs too much memory is stopped", async () => {
      const files = { "src/agent.ts": `export default ${"[".repeat(4_000_000)}` };
      const error = await folder.refusal(files, { ...at(), limits: { memoryMb: 800 } });
      expect(error.findings).toEqual([{ file: "src/agent.ts", message: expect.stringContaining("more than 800 MiB of memory") as string }]);
    });

    test("too large sources are refused before they are read", async () => {
      const { findings } = await folder.refusal(
        { ...importing("./big.txt"), "src/big.txt": "x".repeat(2_000_000) },
        { ...at(), limits: { maxSourceBytes: 1024 * 1024 } },
      );
      expect(findings).toEqual([
        { file: "src/agent.ts", line: 1, column: 19, message: expect.stringContaining("more than 1 MiB") as string },
      ]);
    });

    test("too large a result is refused", async () => {
      const { findings } = await folder.refusal(
        { ...importing("./big.txt"), "src/big.txt": "x".repeat(3_000_000) },
        { ...at(), limits: { maxOutputBytes: 1024 * 1024 } },
      );
      expect(findings).toEqual([{ file: "src/agent.ts", message: expect.stringContaining("more than 1 MiB") as string }]);
    });
  });
});

function plugAndPlay(): string {
  const root = [null, [[null, { packageLocation: "./", packageDependencies: [["pkg", "1"]], linkType: "SOFT" }]]];
  const outside = ["pkg", [["1", { packageLocation: "../", packageDependencies: [], linkType: "HARD" }]]];
  return JSON.stringify({
    enableTopLevelFallback: true,
    dependencyTreeRoots: [{ name: "root", reference: "workspace:." }],
    fallbackPool: [],
    packageRegistryData: [root, outside],
  });
}

/** All processes that were started for a build by the time that it ends; not those that ran before. */
async function familyUntil(others: readonly string[], outcome: Promise<unknown>): Promise<string[]> {
  const family = new Set<string>();
  const end = new AbortController();
  void outcome.finally(() => end.abort());
  while (!end.signal.aborted) {
    for (const id of await descendants()) if (!others.includes(id)) family.add(id);
    await delay(20);
  }
  return [...family];
}

/** Waits until esbuild runs for us, and gives all processes that were started for it; not those that ran before. */
async function esbuildFamily(others: readonly string[]): Promise<string[]> {
  let family: string[] = [];
  await until(async () => {
    family = (await descendants()).filter((id) => !others.includes(id));
    const lines = await Promise.all(family.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")));
    return lines.some((line) => line.includes("--service="));
  });
  return family;
}

async function descendants(): Promise<string[]> {
  const parents = new Map<string, string>();
  for (const id of await readdir("/proc")) {
    const stat = /^\d+$/.test(id) ? await readFile(`/proc/${id}/stat`, "utf8").catch(() => "") : "";
    parents.set(id, /\) \S (\d+)/.exec(stat)?.[1] ?? "");
  }
  const isOurs = (id: string | undefined): boolean =>
    id !== undefined && id !== "" && (id === String(process.pid) || isOurs(parents.get(id)));
  return [...parents.keys()].filter((id) => id !== String(process.pid) && isOurs(id));
}

async function running(ids: readonly string[]): Promise<string[]> {
  const there = await Promise.all(
    ids.map((id) =>
      access(`/proc/${id}`).then(
        () => true,
        () => false,
      ),
    ),
  );
  return ids.filter((_id, index) => there[index]);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("the condition was not met in time");
    await delay(20);
  }
}
