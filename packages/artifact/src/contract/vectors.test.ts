import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { layOut, payloadVectors, readVectors, removeLayout } from "../testing/vectors.ts";
import {
  artifactId,
  artifactJsonSchema,
  canonicalParameters,
  canonicalTemplateRef,
  decideCompatibility,
  exitStatusOf,
  FINDINGS,
  judgeSchemaVersion,
  nodeFiles,
  payloadDigest,
  type PayloadFile,
  slugOf,
  type SourceTemplate,
  type StackObservation,
  type StackRequirements,
  validatePayload,
} from "./index.ts";

interface Expected {
  code: string;
  severity: string;
  path: string;
}

describe("every rule of a payload", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "whs-vectors-"));
  });
  afterEach(() => removeLayout(folder));

  test.each(payloadVectors.cases.filter(({ noManifest }) => noManifest !== true).map((vector) => [vector.rule, vector] as const))(
    "%s",
    async (_, vector) => {
      const here = path.join(folder, "here");
      mkdirSync(here);
      const manifest = await layOut(vector, here);
      const { findings } = await validatePayload(nodeFiles, readFileSync(manifest), here, vector.options);
      const told: Expected[] = findings.map(({ code, severity, path: at }) => ({ code, severity, path: at }));
      expect(told).toEqual(vector.expect.findings.map(({ code, severity, path: at }) => ({ code, severity, path: at })));
      expect(exitStatusOf(findings)).toBe(vector.expect.exit);
    },
  );

  test("has a case that breaks it", () => {
    const broken = new Set(payloadVectors.cases.flatMap(({ expect: { findings } }) => findings.map(({ code }) => code)));
    expect(Object.keys(FINDINGS).filter((code) => code.startsWith("PAYLOAD_") && !broken.has(code))).toEqual([]);
    expect(payloadVectors.cases.filter(({ expect: { exit } }) => exit === 3).length).toBeGreaterThanOrEqual(60);
  });
});

interface StackCase {
  name: string;
  requirements: StackRequirements | null;
  observation: StackObservation | null;
  normal: Expected[];
  strict: Expected[];
}

describe("the stack table", () => {
  const cases = readVectors<StackCase[]>("stack");

  test.each(cases.flatMap((vector) => [[vector.name, "normal", vector] as const, [vector.name, "strict", vector] as const]))(
    "%s (%s)",
    (_, strictness, vector) => {
      const findings = decideCompatibility(vector.requirements ?? undefined, vector.observation, strictness === "strict");
      expect(findings.map(({ code, severity, path: at }) => ({ code, severity, path: at }))).toEqual(vector[strictness]);
      expect(exitStatusOf(findings)).toBe(vector[strictness].some(({ severity }) => severity === "error") ? 4 : 0);
    },
  );

  test("has a case for every finding", () => {
    const seen = new Set(cases.flatMap(({ normal, strict }) => [...normal, ...strict]).map(({ code }) => code));
    expect(Object.keys(FINDINGS).filter((code) => code.startsWith("STACK_") && !seen.has(code))).toEqual([]);
  });
});

interface IdCase {
  agent: string;
  source_template: SourceTemplate;
  slug: string;
  canonical_template_ref: string;
  canonical_parameters: string;
  id: string;
}

test.each(readVectors<IdCase[]>("ids"))("$agent of $source_template.path has the id $id", (vector) => {
  const { agent, source_template: template } = vector;
  expect({
    ...vector,
    slug: slugOf(agent),
    canonical_template_ref: canonicalTemplateRef(template.path),
    canonical_parameters: canonicalParameters(template.parameters),
    id: artifactId(agent, template),
  }).toEqual(vector);
});

test.each(readVectors<{ files: PayloadFile[]; digest: string }[]>("digests"))(
  "the list of files has the digest $digest",
  ({ files, digest }) => {
    expect(payloadDigest(files)).toBe(digest);
  },
);

test.each(readVectors<{ version: unknown; verdict: string }[]>("schema-versions"))(
  "schema version $version is $verdict",
  ({ version, verdict }) => {
    expect(judgeSchemaVersion(version)).toBe(verdict);
  },
);

test("the published JSON Schema is the current one; run scripts/generate-schemas.ts after a change", () => {
  expect(JSON.parse(readFileSync(new URL("../../schemas/artifact.v1.json", import.meta.url), "utf8"))).toEqual(artifactJsonSchema());
});
