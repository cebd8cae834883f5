import fc from "fast-check";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { checkPath } from "../paths.ts";
import { payloadVectors } from "../testing/vectors.ts";
import {
  artifactId,
  canonicalParameters,
  canonicalTemplateRef,
  decideCompatibility,
  formatArtifact,
  nodeFiles,
  parseArtifact,
  payloadDigest,
  readPlan,
  secretTextKind,
  SecretScan,
  syncIds,
  validatePayload,
} from "./index.ts";

const segment = fc.constantFrom("a", "B", "..", ".", "", "ä", "x y");
const anyPath = fc
  .tuple(fc.boolean(), fc.array(segment, { maxLength: 8 }))
  .map(([absolute, parts]) => (absolute ? "/" : "") + parts.join("/"));
const parameters = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 8 }).filter((key) => !/[=\p{Cc}]/u.test(key) && key !== "__proto__"),
  fc.oneof(
    fc.string({ maxLength: 8 }).filter((value) => !/\p{Cc}/u.test(value)),
    fc.boolean(),
    fc.integer(),
  ),
);
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("a template's path in canonical form", () => {
  test("is its own canonical form", () => {
    fc.assert(
      fc.property(anyPath, (text) => {
        expect(canonicalTemplateRef(canonicalTemplateRef(text))).toBe(canonicalTemplateRef(text));
      }),
    );
  });

  test("stays absolute or relative, and holds no part that says nothing", () => {
    fc.assert(
      fc.property(anyPath, (text) => {
        const ref = canonicalTemplateRef(text);
        expect(ref.startsWith("/")).toBe(text.startsWith("/"));
        expect(["", ".", "/"].includes(ref) || !/\/\/|(?:^|\/)\.(?:\/|$)|[^./]\/\.\.|\/$/.test(ref)).toBe(true);
      }),
    );
  });

  test("does not depend on slashes, doubled ones, white space around it or parts that say nothing", () => {
    fc.assert(
      fc.property(anyPath, fc.constantFrom(" ", "\t", "\n "), (text, space) => {
        const other = space + text.replaceAll("/", "//./").replaceAll("/", "\\") + space;
        expect(canonicalTemplateRef(other)).toBe(canonicalTemplateRef(text));
      }),
    );
  });
});

test("parameters have one form, whatever order they are written in, and different ones have different forms", () => {
  fc.assert(
    fc.property(parameters, parameters, (one, other) => {
      const reversed = Object.fromEntries(Object.entries(one).toReversed());
      expect(canonicalParameters(reversed)).toBe(canonicalParameters(one));
      const texts = (values: typeof one) =>
        JSON.stringify(
          Object.entries(values)
            .map(([key, value]) => [key, String(value)])
            .toSorted(),
        );
      expect(canonicalParameters(one) === canonicalParameters(other)).toBe(texts(one) === texts(other));
    }),
  );
});

test("an id is a slug and eight hexadecimal digits", () => {
  fc.assert(
    fc.property(fc.string(), anyPath, parameters, (agent, at, values) => {
      expect(artifactId(agent, { path: at, parameters: values })).toMatch(/^(?:[a-z0-9]+(?:-[a-z0-9]+)*)?-[0-9a-f]{8}$/);
    }),
  );
});

test("a payload's digest does not depend on the order of the files, and changes with any of them", () => {
  const file = fc.record({ path: fc.string({ minLength: 1, maxLength: 12 }), sha256: fc.stringMatching(/^[0-9a-f]{64}$/), size: fc.nat() });
  fc.assert(
    fc.property(fc.uniqueArray(file, { minLength: 1, maxLength: 8, selector: ({ path: name }) => name }), fc.nat(), (files, chosen) => {
      expect(payloadDigest(files.toReversed())).toBe(payloadDigest(files));
      const index = chosen % files.length;
      expect(payloadDigest(files.map((item, at) => (at === index ? { ...item, size: item.size + 1 } : item)))).not.toBe(
        payloadDigest(files),
      );
    }),
  );
});

describe("paths", () => {
  test("a path that is let through never leaves the folder that it is put in", () => {
    const hostile = fc
      .array(fc.constantFrom("..", ".", "a", "/", "\\", "//", "C:", "\0", "…", " ", "%2e%2e"), { maxLength: 10 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(hostile, (text) => {
        const checked = checkPath(text);
        if (!checked.ok) return;
        expect(path.resolve("/root/of/it", checked.path).startsWith("/root/of/it")).toBe(true);
        expect(path.win32.resolve("C:\\root\\of\\it", checked.path).startsWith("C:\\root\\of\\it")).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("whatever links a bundle holds, no byte from outside of artifact_root is read", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "whs-links-"));
    const outside = path.join(folder, "outside");
    mkdirSync(outside);
    writeFileSync(path.join(outside, "secret"), "outside");
    const target = fc
      .array(fc.constantFrom("..", ".", "a", "b", "outside", "secret", "bundle"), { minLength: 1, maxLength: 5 })
      .map((parts) => parts.join("/"));
    let run = 0;
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(target, { minLength: 1, maxLength: 4 }), async (targets) => {
          run += 1;
          const root = path.join(folder, `root${run}`);
          mkdirSync(path.join(root, "bundle/a"), { recursive: true });
          targets.forEach((to, index) => symlinkSync(to, path.join(root, index % 2 === 0 ? "bundle" : "bundle/a", `link${index}`)));
          const opened: string[] = [];
          const watched: typeof nodeFiles = {
            ...nodeFiles,
            read: (file) => {
              opened.push(file);
              return nodeFiles.read(file);
            },
          };
          const manifest = structuredClone(payloadVectors.base.manifest);
          for (const entry of manifest.artifacts) entry.artifact_root = `root${run}`;
          await validatePayload(watched, encode(formatArtifact(manifest)), folder);
          expect(opened.filter((file) => !file.startsWith(`${root}/`))).toEqual([]);
        }),
        { numRuns: 25 },
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("a manifest", () => {
  const right = formatArtifact(payloadVectors.base.manifest);

  test("that was formatted is read as it was", () => {
    expect(parseArtifact(encode(right))).toEqual({ manifest: payloadVectors.base.manifest, findings: [] });
  });

  test("of any bytes is judged, and never breaks the judge", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(parseArtifact(bytes).findings.length).toBeGreaterThan(0);
        expect(syncIds(bytes).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test("of any structure is judged, and never breaks the judge", () => {
    const names = fc.constantFrom(
      "schema_version",
      "project",
      "artifacts",
      "id",
      "agent",
      "payload",
      "files",
      "runtime_stack",
      "components",
      "__proto__",
      "constructor",
      "",
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom("1", "1.9", "2", null, 1, -0.5, true, "local"),
        fc.string(),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.array(fc.tuple(names, tie("value")), { maxLength: 5 }).map(Object.fromEntries),
      ),
    }));
    fc.assert(
      fc.property(value, (found) => {
        const manifest =
          typeof found === "object" && found !== null && !Array.isArray(found)
            ? { schema_version: "1", project: "a", env: "b", ...found }
            : found;
        expect(parseArtifact(encode(JSON.stringify(manifest))).findings.length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });

  test("with any one place damaged is judged, and never breaks the judge", () => {
    fc.assert(
      fc.property(
        fc.nat(right.length - 1),
        fc.nat(30),
        fc.constantFrom("", "\t", "- ", "*a", "&a", "!!x ", "{", "[", "'", '"', "|", "? ", "%", "\0", "---\n", "…", "\u{1f600}"),
        (at, length, put) => {
          const damaged = right.slice(0, at) + put + right.slice(at + length);
          const { manifest, findings } = parseArtifact(encode(damaged));
          expect(manifest !== undefined || findings.some(({ severity }) => severity === "error")).toBe(true);
          for (const { message, path: place } of findings) expect(message + place).not.toMatch(/\p{Cc}/u);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("that would take a parser apart is refused at once", () => {
    const deep = (open: string, close: string) => `a: ${open.repeat(20_000)}${close.repeat(20_000)}`;
    for (const text of [
      deep("[", "]"),
      deep("{a: ", "}"),
      `${"- ".repeat(20_000)}x`,
      `${"? ".repeat(20_000)}x`,
      "[".repeat(20_000),
      `x:\n${Array.from({ length: 20_000 }, (_, index) => `  k${index}: 1\n`).join("")}`,
    ]) {
      const [first] = parseArtifact(encode(text)).findings;
      expect(["PAYLOAD_MANIFEST_DEPTH", "PAYLOAD_MANIFEST_TOO_LARGE"]).toContain(first?.code);
    }
  });
});

test("a plan of any text is a plan or none, and never breaks its reader", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(readPlan(text)).toBeNull();
    }),
  );
});

test("strictness never lets more pass, and no requirements let all pass", () => {
  const observation = fc.option(
    fc.record({
      apiVersion: fc.constantFrom("1.0", "1.2", "2.0"),
      mode: fc.constantFrom("local" as const, "cloud" as const),
      protocols: fc.constant<string[]>([]),
      components: fc.uniqueArray(
        fc.record({
          name: fc.constantFrom("gateway", "agent"),
          version: fc.constantFrom("1.0.0", "1.5.0", "2.0.0", "odd", null),
          status: fc.constantFrom("up" as const, "down" as const),
          capabilities: fc.subarray(["streaming", "sessions"]),
        }),
        { selector: ({ name }) => name },
      ),
    }),
  );
  const requirements = fc.record(
    {
      api_version: fc.constantFrom("1.0", "1.1", "1.3", "2.0"),
      mode: fc.constantFrom("local" as const, "cloud" as const),
      components: fc.dictionary(fc.constantFrom("gateway", "agent"), fc.constantFrom(">=1", "^1.2", "^2", "*")),
      capabilities: fc.subarray(["streaming", "sessions"]),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(requirements, observation, (required, observed) => {
      const errors = (strict: boolean) =>
        decideCompatibility(required, observed, strict).filter(({ severity }) => severity === "error").length;
      expect(errors(true)).toBeGreaterThanOrEqual(errors(false));
      expect(errors(true)).toBe(decideCompatibility(required, observed, false).length);
      expect(decideCompatibility(undefined, observed, true)).toEqual([]);
    }),
  );
});

test("a secret is seen wherever the chunks of a file end", () => {
  const secret = ["ghp", "a1B2".repeat(9)].join("_");
  fc.assert(
    fc.property(fc.nat(700), fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (before, sizes) => {
      const bytes = Buffer.from(`${" ".repeat(before)}${secret} ${" ".repeat(50)}`);
      const scan = new SecretScan();
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        scan.add(bytes.subarray(at, at + size));
        at += size;
      }
      expect(scan.kind).toBe(secretTextKind(secret));
      expect(scan.kind).not.toBeNull();
    }),
  );
});

test("the example of the documentation reads as it stands", () => {
  const examples = readFileSync(new URL("../../../../examples/artifact/artifact.yml", import.meta.url));
  expect(parseArtifact(examples).findings).toEqual([]);
});
