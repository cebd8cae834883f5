import { createHash } from "node:crypto";
import { posix } from "node:path";
import type { SourceTemplate } from "./schema.ts";

type ParameterValue = string | boolean | number;

/** `support-bot` of "Support Bot": lower case, every run of other characters one hyphen, none at the ends. Empty where nothing is left. */
export function slugOf(agent: string): string {
  return agent
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

/** Trimmed of ASCII white space, `\` as `/`, cleaned by its letters alone: no file system is asked. Empty stays empty. */
export function canonicalTemplateRef(path: string): string {
  const slashed = path.replace(/^[ \t-\r]+|[ \t-\r]+$/g, "").replaceAll("\\", "/");
  if (slashed === "") return "";
  const cleaned = posix.normalize(slashed);
  return cleaned.length > 1 ? cleaned.replace(/\/$/, "") : cleaned;
}

/** `key=value` lines without a last line break, in the order of the keys' UTF-8 bytes. Numbers in decimal, booleans as true and false. */
export function canonicalParameters(parameters: Readonly<Record<string, ParameterValue>> = {}): string {
  return Object.entries(parameters)
    .toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([key, value]) => `${key}=${String(value)}`)
    .join("\n");
}

/** `<slug>-<h8>`: the same agent made of the same template with the same parameters has the same id. */
export function artifactId(agent: string, template: SourceTemplate): string {
  const text = [canonicalTemplateRef(template.path), canonicalParameters(template.parameters), template.sha256 ?? ""].join("\n");
  return `${slugOf(agent)}-${createHash("sha256").update(text, "utf8").digest("hex").slice(0, 8)}`;
}
