import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { AgentManifest } from "@whs/artifact";
import { agentManifestSchema } from "@whs/artifact";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { buildBundle, BundleBuildError, openBuildSandbox, type BuildInput, type BuildSandbox } from "./build-bundle.ts";

const SECRET = "sentinel-4f1c9a";
/** A symbolic link in the bundle. */
interface Link {
  link: string;
}
type Files = Readonly<Record<string, string | Uint8Array | Link>>;

const sandbox = await openBuildSandbox();
const plain = await openBuildSandbox({ bubblewrap: null });
/** Holds the bundle, and beside it what no bundle may read. */
let folder: string;
let extractedDir: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "whs-bundling-")));
  extractedDir = join(folder, "bundle");
  await writeFile(join(folder, "secret.txt"), SECRET);
  await writeFile(join(folder, "secret.json"), JSON.stringify({ compilerOptions: { target: "es2022" }, secret: SECRET }));
  await writeFile(join(folder, "secret.js"), `export default ${SECRET} ${SECRET}`);
});
afterEach(() => rm(folder, { recursive: true }));

async function place(files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const target = join(extractedDir, path);
    await mkdir(dirname(target), { recursive: true });
    if (typeof content === "object" && "link" in content) await symlink(content.link, target);
    else await writeFile(target, content);
  }
}

function manifest(runtime: AgentManifest["runtime"] = "cloudflare"): AgentManifest {
  return agentManifestSchema.parse({ protocol: "invoke/v1", runtime, entrypoint: "src/agent.ts" });
}

async function build(files: Files, input: Partial<BuildInput> = {}) {
  await place(files);
  return buildBundle({ extractedDir, manifest: manifest(), checksum: "sha256:abc", timeoutMs: 20_000, ...input });
}

async function refusal(files: Files, input: Partial<BuildInput> = {}): Promise<BundleBuildError> {
  try {
    await build(files, input);
  } catch (error) {
    if (error instanceof BundleBuildError) return error;
    throw error;
  }
  throw new Error("the bundle was built");
}

const agent = "export default { invoke() {} };";
const importing = (specifier: string, attributes = "") => ({
  "src/agent.ts": `import value from ${JSON.stringify(specifier)}${attributes};\nexport default { invoke: () => value };`,
});

test("the sandbox is used wherever bubblewrap can be", async () => {
  const canBeUsed = await promisify(execFile)("bwrap", ["--unshare-all", "--ro-bind", "/", "/", "true"]).then(
    () => true,
    () => false,
  );
  expect(sandbox.sandboxed).toBe(canBeUsed);
});

const places = [
  { kind: "in the sandbox", current: sandbox, other: plain },
  { kind: "without a sandbox", current: plain, other: sandbox },
];

describe.each(sandbox.sandboxed ? places : places.slice(1))("$kind", ({ kind, current, other }) => {
  const at = () => ({ sandbox: current });

  test("is what it says", () => {
    expect(current.sandboxed).toBe(kind === "in the sandbox");
  });

  test("types are stripped and modules joined to one that runs", async () => {
    const { bundle, warnings } = await build(
      {
        "src/agent.ts": `
          import { defineAgent, type Message } from "@whs/agent";
          import { basename } from "path";
          import { createHash } from "./legacy.cjs";
          import prompt from "./prompt.md";
          import data from "../data.json" with { type: "json" };
          enum Tone { Calm = "calm" }
          const later = () => import("./later.ts");
          export default defineAgent({
            async invoke({ messages }: { messages: readonly Message[] }) {
              const last = messages.at(-1)!.content satisfies string;
              return [prompt, data.a, basename("/x/y"), typeof createHash, Tone.Calm, (await later()).late, last].join(" ");
            },
          });`,
        "src/legacy.cjs": `module.exports = require("crypto");`,
        "src/later.ts": `export const late: string = "late";`,
        "src/prompt.md": "Be kind.",
        "data.json": '{ "a": 1 }',
      },
      at(),
    );
    expect(warnings).toEqual([]);
    expect(bundle).toMatchObject({ mainModule: "agent.js", checksum: "sha256:abc" });
    expect(Object.keys(bundle.modules)).toEqual(["agent.js"]);
    const text = mainText(bundle);
    expect(text).toContain("// src/agent.ts");
    expect(text).not.toContain(dirname(import.meta.dirname));
    await writeFile(join(folder, "built.mjs"), text);
    const built = (await import(pathToFileURL(join(folder, "built.mjs")).href)) as {
      default: { invoke: (args: object) => Promise<string> };
    };
    expect(await built.default.invoke({ messages: [{ role: "user", content: "hello" }] })).toBe("Be kind. 1 y function calm late hello");
  });

  test("both ways of building give the same modules", async () => {
    const files = { "src/agent.ts": `import { defineAgent } from "@whs/agent"; export default defineAgent({ invoke: () => "hi" });` };
    const first = await build(files, at());
    expect((await build({}, { sandbox: other })).bundle).toEqual(first.bundle);
  });

  test("WebAssembly is carried along as a module of its own", async () => {
    const bytes = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    const { bundle } = await build({ ...importing("../lib/add.wasm?module"), "lib/add.wasm": bytes }, at());
    const name = Object.keys(bundle.modules).find((key) => key.endsWith(".wasm")) ?? "";
    expect(name).toMatch(/^wasm-add-[0-9a-f]{12}\.wasm$/);
    expect(bundle.modules[name]).toEqual({ type: "wasm", base64: Buffer.from(bytes).toString("base64") });
    expect(mainText(bundle)).toContain(`from "./${name}"`);
  });

  test("built-ins of the runtimes stay imports, with their prefix", async () => {
    const text = mainText(
      (
        await build(
          {
            "src/agent.ts": `import fs from "fs/promises"; import net from "node:net"; import { env } from "cloudflare:workers"; export default { invoke: () => [fs, net, env] };`,
          },
          at(),
        )
      ).bundle,
    );
    expect([...text.matchAll(/from "([^"]+)"/g)].map(([, specifier]) => specifier)).toEqual([
      "node:fs/promises",
      "node:net",
      "cloudflare:workers",
    ]);
  });

  test("a vendored package is taken in the form for the runtime", async () => {
    const vendored = {
      ...importing("pkg"),
      "node_modules/pkg/package.json": JSON.stringify({ exports: { workerd: "./workerd.js", node: "./node.js" } }),
      "node_modules/pkg/workerd.js": `export default "for workerd";`,
      "node_modules/pkg/node.js": `export default "for node";`,
    };
    expect(mainText((await build(vendored, at())).bundle)).toContain("for workerd");
    expect(mainText((await build({}, { ...at(), manifest: manifest("agentcore") })).bundle)).toContain("for node");
  });

  test("decorators are lowered to what the engines run", async () => {
    const text = mainText(
      (await build({ "src/agent.ts": `const log = (f: any) => f; class A { @log invoke() {} } export default new A();` }, at())).bundle,
    );
    expect(text).not.toMatch(/@log/);
  });

  test.each([
    ["a default export", "export default { invoke() {} };"],
    ["a named invoke", "export async function invoke() {}"],
    ["a named fetch", "export const fetch = () => new Response();"],
    ["a CommonJS module", "module.exports = { invoke() {} };"],
  ])("%s is an agent", async (_kind, source) => {
    expect((await build({ "src/agent.ts": source }, at())).bundle.mainModule).toBe("agent.js");
  });

  test("nothing of the bundle is executed", async () => {
    const mark = join(folder, "executed");
    const harm = `import("node:fs").then((fs) => fs.writeFileSync(${JSON.stringify(mark)}, "")); throw new Error();`;
    await build(
      {
        "src/agent.ts": `${harm}\n${agent}`,
        "package.json": JSON.stringify({ scripts: { preinstall: `touch ${mark}` } }),
        "esbuild.config.js": harm,
      },
      at(),
    );
    await expect(access(mark)).rejects.toThrow("ENOENT");
  });

  describe("findings", () => {
    test("a syntax error names file, line and column", async () => {
      const error = await refusal({ "src/agent.ts": 'import "./b.ts";', "src/b.ts": "export const ü = { é: 1 x };" }, at());
      expect(error.findings).toEqual([{ file: "src/b.ts", line: 1, column: 25, message: 'Expected "}" but found "x"' }]);
      expect(error.message).toBe('src/b.ts:1:25: Expected "}" but found "x"');
    });

    test.each([
      ["a package", "ai", /^cannot find "ai" in the bundle; bundle dependencies with `whs build`$/],
      ["a missing file", "./nowhere.ts", /^cannot find ".\/nowhere.ts" in the bundle$/],
      ["an alias", "@/lib/x", /aliases of tsconfig.json are not read/],
      ["a URL", "https://example.com/x.js", /^cannot import "https:.*only the bundle's own files/],
      ["an unknown built-in", "node:teleport", /^cannot import "node:teleport"/],
      ["a part of the platform", "@whs/agent/runtime", /import from "@whs\/agent" itself/],
    ])("%s that is not there is named with its place and what to do", async (_kind, specifier, message) => {
      const { findings } = await refusal(importing(specifier), at());
      expect(findings).toEqual([{ file: "src/agent.ts", line: 1, column: 19, message: expect.stringMatching(message) as string }]);
    });

    test("all unresolved imports are named at once", async () => {
      const { findings } = await refusal({ "src/agent.ts": `import a from "a";\nimport b from "b";\nexport default [a, b];` }, at());
      expect(findings.map(({ line }) => line).toSorted()).toEqual([1, 2]);
    });

    test("a file of a kind that cannot be imported is named", async () => {
      const { findings } = await refusal({ ...importing("./image.png"), "src/image.png": "x" }, at());
      expect(findings).toEqual([
        expect.objectContaining({ file: "src/agent.ts", line: 1, message: expect.stringContaining(".png") as string }),
      ]);
    });

    test("a missing entrypoint is named", async () => {
      expect((await refusal({ "agent.ts": agent }, at())).findings).toEqual([
        { file: "src/agent.ts", message: "the entrypoint is not in the bundle" },
      ]);
    });

    test("an entrypoint that exports no agent is named, with what it exports", async () => {
      const { findings } = await refusal({ "src/agent.ts": "export const handler = 1, other = 2;" }, at());
      expect(findings).toEqual([
        { file: "src/agent.ts", message: expect.stringMatching(/^must export an agent.*it exports handler, other$/) as string },
      ]);
    });
  });

  describe("a bundle reads nothing outside itself", () => {
    const escapes: [way: string, files: () => Files][] = [
      ["an absolute import", () => importing(join(folder, "secret.txt"))],
      ["an absolute import of a system file", () => importing("/etc/passwd", ' with { type: "text" }')],
      ["a relative import", () => importing("../../secret.txt")],
      ["a file URL", () => importing(pathToFileURL(join(folder, "secret.json")).href)],
      [
        "an import from a data URL",
        () => importing(`data:text/javascript,export { default } from ${JSON.stringify(join(folder, "secret.json"))}`),
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
      const error = await refusal(files(), at());
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
      ["tsconfig extends", { "src/agent.ts": agent, "tsconfig.json": '{ "extends": "../secret.js" }' }],
      [
        "a browser map",
        { ...importing("./a.js"), "src/a.js": "export default 1;", "package.json": '{ "browser": { "./src/a.js": "../secret.json" } }' },
      ],
    ] satisfies [string, Files][])("by %s", async (_way, files) => {
      const outcome = await build(files, at()).catch((error: unknown) => error);
      const shown = outcome instanceof Error ? `${outcome.message} ${JSON.stringify(outcome)}` : JSON.stringify(outcome);
      expect(shown).not.toContain(SECRET);
      expect(outcome instanceof BundleBuildError || !(outcome instanceof Error)).toBe(true);
    });
  });

  test.each([
    ["tsconfig.json", "{{{"],
    ["package.json", "{{{"],
    ["package.json", '{ "type": 5, "main": [], "exports": 1, "imports": [], "sideEffects": {}, "browser": 7 }'],
    ["tsconfig.json", '{ "compilerOptions": { "target": "es3", "jsx": "nonsense" } }'],
  ])("a broken %s does not break the build", async (name, content) => {
    expect((await build({ "src/agent.ts": agent, [name]: content }, at())).bundle.mainModule).toBe("agent.js");
  });

  describe("limits", () => {
    /** Takes esbuild some seconds. */
    const slow = { "src/agent.ts": `export default [${"{a:1,b:'x'},".repeat(1_500_000)}]` };

    test("a bundle that takes too long is stopped, and leaves no process", async () => {
      const outcome = refusal(slow, { ...at(), timeoutMs: 1500 });
      const processes = await esbuildFamily();
      expect((await outcome).findings).toEqual([
        { file: "src/agent.ts", message: expect.stringContaining("more than 1.5 seconds") as string },
      ]);
      await until(async () => (await running(processes)).length === 0);
    });

    test("an aborted build ends with the signal's reason, and leaves no process", async () => {
      const stop = new AbortController();
      const outcome = build(slow, { ...at(), signal: stop.signal }).catch((error: unknown) => error);
      const processes = await esbuildFamily();
      stop.abort(new Error("stopped by the test"));
      expect(await outcome).toMatchObject({ message: "stopped by the test" });
      await until(async () => (await running(processes)).length === 0);
    });

    test("a bundle that needs too much memory is stopped", async () => {
      const files = { "src/agent.ts": `export default ${"[".repeat(4_000_000)}` };
      const error = await refusal(files, { ...at(), limits: { memoryMb: 800 } });
      expect(error.findings).toEqual([{ file: "src/agent.ts", message: expect.stringContaining("more than 800 MiB of memory") as string }]);
    });

    test("too large sources are refused before they are read", async () => {
      const { findings } = await refusal(
        { ...importing("./big.txt"), "src/big.txt": "x".repeat(2_000_000) },
        { ...at(), limits: { maxSourceBytes: 1024 * 1024 } },
      );
      expect(findings).toEqual([
        { file: "src/agent.ts", line: 1, column: 19, message: expect.stringContaining("more than 1 MiB") as string },
      ]);
    });

    test("too large a result is refused", async () => {
      const { findings } = await refusal(
        { ...importing("./big.txt"), "src/big.txt": "x".repeat(3_000_000) },
        { ...at(), limits: { maxOutputBytes: 1024 * 1024 } },
      );
      expect(findings).toEqual([{ file: "src/agent.ts", message: expect.stringContaining("more than 1 MiB") as string }]);
    });
  });
});

describe.runIf(sandbox.sandboxed)("the sandbox itself", () => {
  /** Runs a script of ours in the place of the bundler. */
  async function inside(script: string): Promise<unknown> {
    await place({ "src/agent.ts": agent });
    const plan = sandbox.plan(extractedDir, { memoryMb: 1024, cpuSeconds: 10 });
    const { runBuild } = await import("./run-build.ts");
    const args = [...plan.args.slice(0, -1), "--input-type=module", "-e", script];
    const result = await runBuild({ ...plan, args }, "", { timeoutMs: 10_000, maxOutputBytes: 100_000 });
    return JSON.parse(result.stdout.toString() || `"${result.stderr}"`);
  }

  test("shows the bundle, Node, esbuild and the agent library, and no other file", async () => {
    const seen = await inside(`
      import { existsSync, readdirSync } from "node:fs";
      console.log(JSON.stringify({
        root: readdirSync("/").filter((name) => !name.startsWith("lib")), whs: readdirSync("/whs"), bundle: readdirSync("/bundle"),
        host: ["/etc", "/proc", "/sys", "/root", "/home", "/tmp", "/usr/bin", "/var"].filter((path) => existsSync(path)),
      }))`);
    const { root, ...rest } = seen as { root: string[] };
    expect(root.filter((name) => name !== "usr").toSorted()).toEqual(["bundle", "dev", "whs"]);
    expect(rest).toMatchObject({
      whs: expect.arrayContaining(["agent", "bundle-worker.mjs", "esbuild", "node"]) as string[],
      bundle: ["src"],
      host: [],
    });
  });

  test("has no network, no environment, no rights and no place to write", async () => {
    const seen = await inside(`
      import { writeFileSync } from "node:fs"; import { networkInterfaces } from "node:os"; import { connect } from "node:net";
      const failure = (path) => { try { writeFileSync(path, "x"); return "written"; } catch (error) { return error.code; } };
      const connected = await new Promise((resolve) => connect({ host: "1.1.1.1", port: 53 }).on("connect", () => resolve("connected")).on("error", (error) => resolve(error.code)));
      console.log(JSON.stringify({
        connected, interfaces: Object.keys(networkInterfaces()).filter((name) => name !== "lo"), environment: Object.keys(process.env).filter((name) => name !== "PWD"), uid: process.getuid(),
        writes: ["/x", "/bundle/x", "/whs/x", "/bundle/src/agent.ts"].map(failure),
      }))`);
    expect(seen).toEqual({
      connected: "ENETUNREACH",
      interfaces: [],
      environment: ["ESBUILD_BINARY_PATH"],
      uid: 65534,
      writes: ["EROFS", "EROFS", "EROFS", "EROFS"],
    });
  });
});

describe("a sandbox", () => {
  test("that cannot be used is said, with the reason, and building goes on", async () => {
    const broken = await openBuildSandbox({ bubblewrap: "/bin/false" });
    expect(broken).toMatchObject({ sandboxed: false, detail: expect.stringContaining("bubblewrap cannot be used here") as string });
    expect((await build({ "src/agent.ts": agent }, { sandbox: broken })).bundle.mainModule).toBe("agent.js");
  });

  test("a bundler that cannot be started is a fault, not a finding", async () => {
    await place({ "src/agent.ts": agent });
    const failing: BuildSandbox = { ...plain, plan: (...args) => ({ ...plain.plan(...args), file: "/bin/false", args: [] }) };
    await expect(buildBundle({ extractedDir, manifest: manifest(), checksum: "", timeoutMs: 5000, sandbox: failing })).rejects.toThrow(
      /^Cannot run the bundler/,
    );
    await expect(build({}, { sandbox: failing })).rejects.not.toBeInstanceOf(BundleBuildError);
  });
});

function mainText(bundle: Awaited<ReturnType<typeof buildBundle>>["bundle"]): string {
  const main = bundle.modules[bundle.mainModule];
  if (main?.type !== "esm") throw new Error("the main module is no ES module");
  return main.text;
}

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

/** Waits until esbuild runs for us, and gives all processes that were started for it. */
async function esbuildFamily(): Promise<string[]> {
  let family: string[] = [];
  await until(async () => {
    family = await descendants();
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
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("the condition was not met in time");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
