import type { z } from "zod";
import { finding, type Finding } from "./finding.ts";
import { FINDINGS, type FindingCode } from "./finding-codes.ts";
import { checkManifestRules } from "./manifest-rules.ts";
import { readYaml, type ReadYaml } from "./read-yaml.ts";
import { artifactSchema, type ArtifactManifest } from "./schema.ts";
import { judgeSchemaVersion } from "./schema-version.ts";
import { secretTextKind } from "./secret-policy.ts";

export interface ParsedArtifact {
  /** Absent when the findings leave nothing to work with. */
  manifest?: ArtifactManifest;
  findings: Finding[];
}

/** Reads `artifact.yml` and judges all that the manifest alone can show. Never throws for what the bytes hold. */
export function parseArtifact(bytes: Uint8Array): ParsedArtifact {
  const read = readYaml(bytes);
  if (!read.ok) return { findings: [read.finding] };
  const { yaml } = read;
  const shaped = parseShape(withoutNulls(yaml.value, true));
  const findings = [...shaped.findings];
  if (shaped.manifest !== undefined) findings.push(...checkManifestRules(shaped.manifest));
  const secret = secretTextKind(new TextDecoder().decode(bytes));
  if (secret !== null)
    findings.push(finding("PAYLOAD_SECRET_IN_MANIFEST", { path: "", message: `The manifest holds what looks like ${secret}.` }));
  const placed = findings.map((found) => place(found, yaml));
  return shaped.manifest === undefined ? { findings: placed } : { manifest: shaped.manifest, findings: placed };
}

/** An empty value means that the field is absent. What is free keeps its nulls. */
function withoutNulls(value: unknown, isTop = false): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item));
  if (typeof value !== "object" || value === null) return isTop ? value : (value ?? undefined);
  const entries = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(entries.map(([key, item]) => [key, key === "runtime_meta" ? item : withoutNulls(item)]));
}

function place(found: Finding, yaml: ReadYaml): Finding {
  if (found.path === "" || found.line !== undefined) return found;
  const parts = found.path.split(/[.[\]]+/).flatMap((part) => (part === "" ? [] : [/^\d+$/.test(part) ? Number(part) : part]));
  return { ...found, ...yaml.positionOf(parts) };
}

function parseShape(value: unknown): ParsedArtifact {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { findings: [finding("PAYLOAD_MANIFEST_SHAPE", { path: "", message: "The manifest is no mapping." })] };
  const version = "schema_version" in value ? value.schema_version : undefined;
  const versionFinding = checkVersion(version);
  if (versionFinding?.severity === "error") return { findings: [versionFinding] };
  const findings = versionFinding === null ? [] : [versionFinding];
  const parsed = artifactSchema.safeParse(value);
  if (parsed.success) return { manifest: parsed.data, findings };
  const { issues } = parsed.error;
  if (versionFinding !== null && issues.every(({ code }) => code === "unrecognized_keys")) {
    const known = structuredClone(value);
    for (const issue of issues) if (issue.code === "unrecognized_keys") dropKeys(known, issue);
    return { manifest: artifactSchema.parse(known), findings };
  }
  const told = versionFinding === null ? issues : issues.filter(({ code }) => code !== "unrecognized_keys");
  return { findings: [...findings, ...told.flatMap((issue) => findingsOf(issue, value))] };
}

function checkVersion(version: unknown): Finding | null {
  const path = "schema_version";
  if (version === undefined) return finding("PAYLOAD_SCHEMA_VERSION_MISSING", { path: "", message: "schema_version is missing." });
  switch (judgeSchemaVersion(version)) {
    case "known":
      return null;
    case "newer":
      return finding("PAYLOAD_SCHEMA_VERSION_NEWER", { path, message: "The manifest has a newer minor schema version." });
    case "unsupported":
      return finding("PAYLOAD_SCHEMA_VERSION_UNSUPPORTED", { path, message: "This version of the schema cannot be read." });
    case "invalid":
      return finding("PAYLOAD_SCHEMA_VERSION_INVALID", { path, message: "This is no version of the schema." });
  }
}

function dropKeys(root: object, { path, keys }: { path: readonly PropertyKey[]; keys: readonly string[] }): void {
  const holder = valueAt(root, path);
  if (typeof holder === "object" && holder !== null) for (const key of keys) Reflect.deleteProperty(holder, key);
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key) ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    root,
  );
}

function findingsOf(issue: z.core.$ZodIssue, root: unknown): Finding[] {
  const path = fieldPath(issue.path);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) =>
      finding("PAYLOAD_FIELD_UNKNOWN", { path: fieldPath([...issue.path, key]), message: "The schema has no such field." }),
    );
  const isAbsent = valueAt(root, issue.path) === undefined;
  if (isAbsent && /^artifacts\[\d+\]\.id$/.test(path)) return [finding("PAYLOAD_ID_MISSING", { path, message: "The id is missing." })];
  if (isAbsent) return [finding("PAYLOAD_FIELD_MISSING", { path, message: "The field is missing." })];
  if (/\.source_template\.parameters\[?/.test(path) && issue.code !== "custom" && issue.path.length > 4)
    return [finding("PAYLOAD_PARAMETER_INVALID", { path, message: "The parameter is no text, whole number or boolean." })];
  if (issue.code === "custom") {
    const code: unknown = issue.params?.["code"];
    if (typeof code === "string" && isFindingCode(code)) return [finding(code, { path, message: issue.message })];
  }
  if (issue.code === "invalid_type")
    return [finding("PAYLOAD_FIELD_TYPE", { path, message: `The value must be ${article(issue.expected)}.` })];
  if (issue.code === "invalid_value")
    return [finding("PAYLOAD_FIELD_VALUE", { path, message: `The value must be ${issue.values.map(String).join(" or ")}.` })];
  return [
    finding("PAYLOAD_FIELD_VALUE", { path, message: `The value ${issue.message.startsWith("must") ? issue.message : "is not right"}.` }),
  ];
}

function isFindingCode(code: string): code is FindingCode {
  return Object.hasOwn(FINDINGS, code);
}

function article(expected: string): string {
  if (expected === "string") return "text; put it in quotes";
  if (expected === "array") return "a list";
  return expected === "object" || expected === "record" ? "a mapping" : `of type ${expected}`;
}

/** Names are bounded and printable: they come from whoever wrote the manifest. */
function fieldPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const name = String(part);
    return /^[A-Za-z0-9_-]{1,64}$/.test(name) ? `${text}${text === "" ? "" : "."}${name}` : `${text}[?]`;
  }, "");
}
