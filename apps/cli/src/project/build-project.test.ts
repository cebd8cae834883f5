import { inspectBundle } from "@whs/artifact";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Bundle, buildProject } from "./build-project.ts";
import { readProject } from "./read-project.ts";

const manifest = { name: "test-agent", protocol: "invoke/v1", runtime: "cloudflare", entrypoint: "src/agent.ts" };
const agentSource =
  'import { defineAgent } from "@whs/agent";\nexport default defineAgent({ invoke: ({ messages }) => messages.length.toString() });\n';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "whs-build-"));
  write("agent.config.json", JSON.stringify(manifest));
  write("src/agent.ts", agentSource);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, text: string | Uint8Array, root = folder): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
}

function build(): Promise<Bundle> {
  return buildProject(readProject(folder));
}

function textOf(bundle: Bundle, file = "agent.js"): string {
  return Buffer.from(bundle.files.find((entry) => entry.path === file)?.bytes ?? []).toString();
}

/** The bundle's entrypoint, run here. */
async function load(bundle: Bundle): Promise<Record<string, unknown>> {
  return (await import(`data:text/javascript;base64,${Buffer.from(textOf(bundle)).toString("base64")}`)) as Record<string, unknown>;
}

describe("a bundle", () => {
  test("is one that the server takes, with the entrypoint that is in it", async () => {
    const { archive } = await build();
    const inspected = await inspectBundle(archive);
    expect(inspected).toMatchObject({ ok: true, manifest: { name: "test-agent", entrypoint: "agent.js" } });
  });

  test("needs nothing installed for @whs/agent", async () => {
    const loaded = (await load(await build())).default as { invoke: (input: unknown) => string };
    expect(loaded.invoke({ messages: [1, 2] })).toBe("2");
  });

  test("has the same bytes wherever the project lies", async () => {
    const elsewhere = path.join(mkdtempSync(path.join(tmpdir(), "whs-build-")), "deeper", "still");
    write("agent.config.json", JSON.stringify(manifest), elsewhere);
    write("src/agent.ts", agentSource, elsewhere);
    const [here, there] = [await build(), await buildProject(readProject(elsewhere))];
    expect(Buffer.from(there.archive).equals(Buffer.from(here.archive))).toBe(true);
    rmSync(path.dirname(path.dirname(elsewhere)), { recursive: true });
  });

  test("has other bytes when a source has changed", async () => {
    const before = await build();
    write("src/agent.ts", agentSource.replace("length", "length.toFixed(1)"));
    expect((await build()).digest.equals(before.digest)).toBe(false);
  });

  test("tells nothing of where it was made", async () => {
    const bundle = await build();
    for (const file of bundle.files) expect(Buffer.from(file.bytes).includes(path.dirname(folder))).toBe(false);
  });

  test("leaves the editor's schema at home", async () => {
    write("agent.config.json", JSON.stringify({ $schema: "./types/schema.json", ...manifest }));
    expect(textOf(await build(), "agent.config.json")).not.toContain("$schema");
  });
});

describe("what an agent imports", () => {
  test("is bundled: its own modules, packages, text and JSON", async () => {
    write("node_modules/shout/package.json", '{ "name": "shout", "type": "module", "exports": "./index.js" }');
    write("node_modules/shout/index.js", "export const shout = (text) => text.toUpperCase();");
    write("src/prompt.md", "be kind\n");
    write("src/data.json", '{ "n": 7 }');
    write(
      "src/agent.ts",
      'import { shout } from "shout";\nimport prompt from "./prompt.md";\nimport data from "./data.json" with { type: "json" };\nexport const invoke = () => shout(prompt) + data.n;\n',
    );
    const { invoke } = (await load(await build())) as { invoke: () => string };
    expect(invoke()).toBe("BE KIND\n7");
  });

  test("takes the variant for workers where a package has one", async () => {
    write(
      "node_modules/both/package.json",
      '{ "name": "both", "type": "module", "exports": { "workerd": "./workerd.js", "default": "./node.js" } }',
    );
    write("node_modules/both/workerd.js", 'export default "workerd";');
    write("node_modules/both/node.js", 'export default "node";');
    write("src/agent.ts", 'import where from "both";\nexport const invoke = () => where;\n');
    const { invoke } = (await load(await build())) as { invoke: () => string };
    expect(invoke()).toBe("workerd");
    write("agent.config.json", JSON.stringify({ ...manifest, runtime: "agentcore" }));
    const onNode = (await load(await build())) as { invoke: () => string };
    expect(onNode.invoke()).toBe("node");
  });

  test("of Node itself stays an import with its full name, for a CommonJS package too", async () => {
    write("node_modules/old/package.json", '{ "name": "old" }');
    write(
      "node_modules/old/index.js",
      'const { EventEmitter } = require("events"); const path = require("node:path"); module.exports = () => [typeof EventEmitter, path.basename("a/b")];',
    );
    write(
      "src/agent.ts",
      'import old from "old";\nimport { Buffer } from "buffer";\nexport const invoke = () => [...old(), Buffer.from("x").length];\n',
    );
    const bundle = await build();
    const { invoke } = (await load(bundle)) as { invoke: () => unknown };
    expect(invoke()).toEqual(["function", "b", 1]);
    expect(textOf(bundle)).toMatch(/from "node:events"[\s\S]*from "node:buffer"/);
  });

  test("as WebAssembly lies beside the entrypoint", async () => {
    const bytes = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    write("src/tiny.wasm", bytes);
    write("src/agent.ts", 'import tiny from "./tiny.wasm";\nexport const invoke = () => String(tiny);\n');
    const bundle = await build();
    const module = bundle.files.find((file) => file.path.endsWith(".wasm"));
    expect(module?.bytes).toEqual(bytes);
    expect(textOf(bundle)).toContain(`"./${module?.path}"`);
  });
});

describe("a project is refused", () => {
  test.each([
    [".env", ".env"],
    ["server.key", "server.key"],
    ["config/.env.production", ".env.production"],
  ])("when it would bundle %s", async (file, named) => {
    write(`src/${file}`, "SECRET=1");
    write("src/agent.ts", `import text from "./${file}" with { type: "text" };\nexport const invoke = () => text;\n`);
    await expect(build()).rejects.toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/must not be bundled|cannot be bundled/),
        details: expect.arrayContaining([expect.stringContaining(named)]),
      }),
    );
  });

  test("when it imports what .whsignore names", async () => {
    write(".whsignore", "src/private/\n");
    write("src/private/notes.ts", "export const notes = 1;");
    write("src/agent.ts", 'import { notes } from "./private/notes.ts";\nexport const invoke = () => notes;\n');
    await expect(build()).rejects.toMatchObject({ details: ["src/private/notes.ts"] });
  });

  test("when a package is not installed, with the place and the command that mends it", async () => {
    write("src/agent.ts", 'import "not-installed";\nexport const invoke = () => 1;\n');
    await expect(build()).rejects.toMatchObject({
      details: expect.arrayContaining([expect.stringContaining("src/agent.ts:1:7")]),
      next: ["npm install"],
    });
  });

  test("when its entrypoint exports no agent", async () => {
    write("src/agent.ts", "export const helper = 1;\n");
    await expect(build()).rejects.toThrow("exports no agent. It exports helper");
  });

  test.each([
    ["{", "not JSON"],
    [JSON.stringify({ ...manifest, runtime: "lambda" }), "runtime must be"],
    [JSON.stringify({ ...manifest, colour: "red" }), "colour is no field"],
  ])("when its manifest is %s", (text, finding) => {
    write("agent.config.json", text);
    expect(() => readProject(folder)).toThrow(
      expect.objectContaining({ details: expect.arrayContaining([expect.stringMatching(/^\d+:\d+ /)]) }),
    );
    expect(() => readProject(folder)).toThrow(
      expect.objectContaining({ details: expect.arrayContaining([expect.stringContaining(finding)]) }),
    );
  });

  test("when its entrypoint is not there, or lies outside", () => {
    write("agent.config.json", JSON.stringify({ ...manifest, entrypoint: "src/none.ts" }));
    expect(() => readProject(folder)).toThrow("not there");
    const outside = `${folder}-outside.ts`;
    writeFileSync(outside, agentSource);
    symlinkSync(outside, path.join(folder, "src/none.ts"));
    expect(() => readProject(folder)).toThrow("lies outside");
    rmSync(outside);
  });
});
