import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_MANIFEST_BYTES, parseManifest, type ManifestFinding } from "./parse-manifest.ts";

const minimal = { protocol: "invoke/v1", runtime: "cloudflare", entrypoint: "src/agent.ts" };

function findings(content: string | Uint8Array | object): readonly ManifestFinding[] {
  const bytes = content instanceof Uint8Array ? content : Buffer.from(typeof content === "string" ? content : JSON.stringify(content));
  const parsed = parseManifest(bytes);
  if (parsed.ok) throw new Error("the manifest was accepted");
  return parsed.findings;
}

function accepted(content: object) {
  const parsed = parseManifest(Buffer.from(JSON.stringify(content)));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.findings));
  return parsed.manifest;
}

test("what an author leaves out gets its default", () => {
  expect(accepted({ $schema: "./agent.config.v1.json", ...minimal })).toMatchObject({
    entrypoint: "src/agent.ts",
    sessionful: true,
    env: { requiredKeys: [], optionalKeys: [] },
    capabilities: { streaming: false, tools: false },
  });
});

test("every field of the contract is accepted", () => {
  const manifest = {
    ...minimal,
    name: "support-bot",
    runtime: "agentcore",
    entrypoint: "./agent.mjs",
    sessionful: false,
    env: { requiredKeys: ["OPENAI_API_KEY"], optionalKeys: ["DEBUG"] },
    capabilities: { streaming: true, tools: true, memory: true, codeInterpreter: true, browser: true },
    agentcore: {
      container: { port: 8080, healthcheckPath: "/ping" },
      lifecycle: { idleTimeoutSeconds: 60, maxLifetimeSeconds: 900 },
      network: { mode: "PUBLIC" },
      vCpu: 2,
      memoryMb: 4096,
    },
  };
  expect(accepted(manifest)).toEqual({ ...manifest, entrypoint: "agent.mjs" });
});

test("a byte order mark is ignored", () => {
  expect(parseManifest(Buffer.from(`\ufeff${JSON.stringify(minimal)}`)).ok).toBe(true);
});

describe("syntax errors name line and column", () => {
  test.each([
    ["a missing comma", '{\n  "protocol": "invoke/v1"\n  "runtime": "cloudflare"\n}', 3, 3, '","'],
    ["a trailing comma", '{\n  "protocol": "invoke/v1",\n}', 3, 1, "name"],
    ["a comment", '{\n  // hello\n  "protocol": "invoke/v1"\n}', 2, 3, "comments"],
    ["single quotes", "{ 'protocol': 1 }", 1, 3, "double quotes"],
    ["an open brace", '{ "protocol": "invoke/v1"', 1, 26, '"}"'],
    ["an open text", '{ "protocol": "invoke\n}', 1, 15, "not closed"],
    ["something after the end", `${JSON.stringify(minimal)}x`, 1, 76, "unknown word"],
    ["an empty file", "", 1, 1, "value"],
  ])("%s", (_kind, text, line, column, message) => {
    const [finding] = findings(text);
    expect(finding).toMatchObject({
      file: "agent.config.json",
      line,
      column,
      message: expect.stringMatching(new RegExp(`^not JSON: .*(${message})`)) as string,
    });
  });
});

describe("schema errors name the field and where it stands", () => {
  test.each([
    ["a missing field", { protocol: "invoke/v1", runtime: "cloudflare" }, "entrypoint", /required/],
    ["another protocol", { ...minimal, protocol: "invoke/v2" }, "protocol", /must be "invoke\/v1"/],
    ["an unknown runtime", { ...minimal, runtime: "lambda" }, "runtime", /must be "cloudflare" or "agentcore"/],
    ["an unknown field", { ...minimal, entryPoint: "x" }, "entryPoint", /no field/],
    ["an unknown nested field", { ...minimal, capabilities: { teleport: true } }, "capabilities.teleport", /no field/],
    ["a lower-case key", { ...minimal, env: { requiredKeys: ["OK", "bad"] } }, "env.requiredKeys[1]", /upper-case/],
    ["a platform's key", { ...minimal, env: { optionalKeys: ["WHS_TOKEN"] } }, "env.optionalKeys[0]", /belong to the platform/],
    [
      "a key required and optional",
      { ...minimal, env: { requiredKeys: ["A"], optionalKeys: ["A"] } },
      "env.optionalKeys[0]",
      /required already/,
    ],
    ["too many keys in all", { ...minimal, env: { requiredKeys: names("A", 100), optionalKeys: names("B", 100) } }, "env", /at most 128/],
    ["the other runtime's block", { ...minimal, agentcore: { vCpu: 1 } }, "agentcore", /remove the "agentcore" block/],
    ["a date that does not exist", { ...minimal, cloudflare: { compatibilityDate: "2026-02-30" } }, "cloudflare.compatibilityDate", /date/],
    [
      "an idle time over the lifetime",
      { ...minimal, runtime: "agentcore", agentcore: { lifecycle: { idleTimeoutSeconds: 900, maxLifetimeSeconds: 60 } } },
      "agentcore.lifecycle.idleTimeoutSeconds",
      /longer/,
    ],
    ["an entrypoint outside", { ...minimal, entrypoint: "../agent.ts" }, "entrypoint", /\.\./],
    ["an absolute entrypoint", { ...minimal, entrypoint: "/etc/passwd" }, "entrypoint", /absolute/],
    ["a directory as entrypoint", { ...minimal, entrypoint: "src/" }, "entrypoint", /file/],
    ["the root as entrypoint", { ...minimal, entrypoint: "." }, "entrypoint", /file/],
  ])("%s", (_kind, manifest, field, message) => {
    const [finding] = findings(manifest);
    expect(finding).toMatchObject({ file: "agent.config.json", field, message: expect.stringMatching(message) as string, line: 1 });
  });

  test("line and column are those of the field", () => {
    const text = JSON.stringify({ ...minimal, env: { requiredKeys: ["bad"] } }, null, 2);
    expect(findings(text)).toEqual([expect.objectContaining({ field: "env.requiredKeys[0]", line: 7, column: 7 })]);
  });

  test("all wrong fields are named at once", () => {
    expect(findings({ ...minimal, protocol: 1, runtime: 2, entrypoint: 3 }).map(({ field }) => field)).toEqual([
      "protocol",
      "runtime",
      "entrypoint",
    ]);
  });

  test("a list instead of an object is refused", () => {
    expect(findings("[]")).toEqual([expect.objectContaining({ line: 1, column: 1 })]);
  });

  test("a field that stands twice is refused", () => {
    expect(findings('{ "runtime": "cloudflare",\n "runtime": "agentcore" }')).toEqual([
      expect.objectContaining({ field: "runtime", message: "stands here twice", line: 2, column: 2 }),
    ]);
  });
});

test("bytes that are not UTF-8, too many bytes and deep nesting are refused", () => {
  expect(findings(Buffer.from([0x7b, 0xff, 0x7d]))[0]?.message).toMatch(/UTF-8/);
  expect(findings(Buffer.alloc(MAX_MANIFEST_BYTES + 1, " "))[0]?.message).toMatch(/65536/);
  expect(findings("[".repeat(60_000))[0]?.message).toMatch(/64 levels/);
});

test("no bytes make it throw, and every finding names the file", () => {
  const text = JSON.stringify(minimal, null, 1);
  const edited = fc
    .tuple(fc.nat(text.length), fc.nat(5), fc.string())
    .map(([at, remove, insert]) => Buffer.from(text.slice(0, at) + insert + text.slice(at + remove)));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        edited,
        fc.json().map((json) => Buffer.from(json)),
      ),
      (bytes) => {
        const parsed = parseManifest(bytes);
        const found = parsed.ok ? [] : parsed.findings;
        expect(found.length > 0).toBe(!parsed.ok);
        expect(found.every(({ file, message }) => file === "agent.config.json" && message !== "")).toBe(true);
      },
    ),
    { numRuns: 5_000 },
  );
});

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}
