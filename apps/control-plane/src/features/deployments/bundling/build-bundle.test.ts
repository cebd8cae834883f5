import { access, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { buildBundle } from "./build-bundle.ts";
import { agent, createBundleFolder, importing, manifest, places, type BundleFolder } from "./testing/bundle-folder.ts";

let folder: BundleFolder;
beforeEach(async () => {
  folder = await createBundleFolder();
});
afterEach(() => folder.remove());

describe.each(places)("$kind", ({ kind, current, other }) => {
  const at = () => ({ sandbox: current });

  test("is what it says", () => {
    expect(current.sandboxed).toBe(kind === "in the sandbox");
  });

  test("types are stripped and modules joined to one that runs", async () => {
    const { bundle, warnings } = await folder.build(
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
    await writeFile(join(folder.path, "built.mjs"), text);
    const built = (await import(pathToFileURL(join(folder.path, "built.mjs")).href)) as {
      default: { invoke: (args: object) => Promise<string> };
    };
    expect(await built.default.invoke({ messages: [{ role: "user", content: "hello" }] })).toBe("Be kind. 1 y function calm late hello");
  });

  test("both ways of building give the same modules", async () => {
    const files = { "src/agent.ts": `import { defineAgent } from "@whs/agent"; export default defineAgent({ invoke: () => "hi" });` };
    const first = await folder.build(files, at());
    expect((await folder.build({}, { sandbox: other })).bundle).toEqual(first.bundle);
  });

  test("WebAssembly is carried along as a module of its own", async () => {
    const bytes = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    const { bundle } = await folder.build({ ...importing("../lib/add.wasm?module"), "lib/add.wasm": bytes }, at());
    const name = Object.keys(bundle.modules).find((key) => key.endsWith(".wasm")) ?? "";
    expect(name).toMatch(/^wasm-add-[0-9a-f]{12}\.wasm$/);
    expect(bundle.modules[name]).toEqual({ type: "wasm", base64: Buffer.from(bytes).toString("base64") });
    expect(mainText(bundle)).toContain(`from "./${name}"`);
  });

  test("built-ins of the runtimes stay imports, with their prefix", async () => {
    const text = mainText(
      (
        await folder.build(
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
    expect(mainText((await folder.build(vendored, at())).bundle)).toContain("for workerd");
    expect(mainText((await folder.build({}, { ...at(), manifest: manifest("agentcore") })).bundle)).toContain("for node");
  });

  test("decorators are lowered to what the engines run", async () => {
    const text = mainText(
      (await folder.build({ "src/agent.ts": `const log = (f: any) => f; class A { @log invoke() {} } export default new A();` }, at()))
        .bundle,
    );
    expect(text).not.toMatch(/@log/);
  });

  test.each([
    ["a default export", "export default { invoke() {} };"],
    ["a named invoke", "export async function invoke() {}"],
    ["a named fetch", "export const fetch = () => new Response();"],
    ["a CommonJS module", "module.exports = { invoke() {} };"],
  ])("%s is an agent", async (_kind, source) => {
    expect((await folder.build({ "src/agent.ts": source }, at())).bundle.mainModule).toBe("agent.js");
  });

  test("nothing of the bundle is executed", async () => {
    const mark = join(folder.path, "executed");
    const harm = `import("node:fs").then((fs) => fs.writeFileSync(${JSON.stringify(mark)}, "")); throw new Error();`;
    await folder.build(
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
      const error = await folder.refusal({ "src/agent.ts": 'import "./b.ts";', "src/b.ts": "export const ü = { é: 1 x };" }, at());
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
      const { findings } = await folder.refusal(importing(specifier), at());
      expect(findings).toEqual([{ file: "src/agent.ts", line: 1, column: 19, message: expect.stringMatching(message) as string }]);
    });

    test("all unresolved imports are named at once", async () => {
      const { findings } = await folder.refusal({ "src/agent.ts": `import a from "a";\nimport b from "b";\nexport default [a, b];` }, at());
      expect(findings.map(({ line }) => line).toSorted()).toEqual([1, 2]);
    });

    test("a file of a kind that cannot be imported is named", async () => {
      const { findings } = await folder.refusal({ ...importing("./image.png"), "src/image.png": "x" }, at());
      expect(findings).toEqual([
        expect.objectContaining({ file: "src/agent.ts", line: 1, message: expect.stringContaining(".png") as string }),
      ]);
    });

    test("a missing entrypoint is named", async () => {
      expect((await folder.refusal({ "agent.ts": agent }, at())).findings).toEqual([
        { file: "src/agent.ts", message: "the entrypoint is not in the bundle" },
      ]);
    });

    test("an entrypoint that exports no agent is named, with what it exports", async () => {
      const { findings } = await folder.refusal({ "src/agent.ts": "export const handler = 1, other = 2;" }, at());
      expect(findings).toEqual([
        { file: "src/agent.ts", message: expect.stringMatching(/^must export an agent.*it exports handler, other$/) as string },
      ]);
    });
  });

  test.each([
    ["tsconfig.json", "{{{"],
    ["package.json", "{{{"],
    ["package.json", '{ "type": 5, "main": [], "exports": 1, "imports": [], "sideEffects": {}, "browser": 7 }'],
    ["tsconfig.json", '{ "compilerOptions": { "target": "es3", "jsx": "nonsense" } }'],
  ])("a broken %s does not break the build", async (name, content) => {
    expect((await folder.build({ "src/agent.ts": agent, [name]: content }, at())).bundle.mainModule).toBe("agent.js");
  });
});

function mainText(bundle: Awaited<ReturnType<typeof buildBundle>>["bundle"]): string {
  const main = bundle.modules[bundle.mainModule];
  if (main?.type !== "esm") throw new Error("the main module is no ES module");
  return main.text;
}
