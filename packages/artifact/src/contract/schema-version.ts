/** Version of the schema that this package reads and writes. */
export const SCHEMA_VERSION = "1";
const READS = { major: 1, minor: 0 };

export type SchemaVersionVerdict =
  /** Unknown fields are mistakes. */
  | "known"
  /** A newer minor version: unknown fields are ignored, with a warning. */
  | "newer"
  | "unsupported"
  | "invalid";

/** What a reader of this version does with a manifest of that version: `major` or `major.minor`, as text. */
export function judgeSchemaVersion(version: unknown): SchemaVersionVerdict {
  const parts = typeof version === "string" ? /^(0|[1-9]\d{0,5})(?:\.(0|[1-9]\d{0,5}))?$/.exec(version) : null;
  if (parts === null) return "invalid";
  if (Number(parts[1]) !== READS.major) return "unsupported";
  return Number(parts[2] ?? 0) > READS.minor ? "newer" : "known";
}
