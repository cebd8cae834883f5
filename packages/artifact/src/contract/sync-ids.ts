import { isMap, isScalar, type YAMLMap } from "yaml";
import { finding, hasErrors, type Finding } from "./finding.ts";
import { artifactId } from "./identity.ts";
import { parseArtifact } from "./parse-artifact.ts";
import { readYaml } from "./read-yaml.ts";

export type SyncedIds =
  /** `changed` is empty when all ids are right; else `text` is the manifest with nothing but the ids corrected. */
  | { ok: true; text: string; changed: { index: number; from: string | null; to: string }[]; findings: Finding[] }
  | { ok: false; findings: Finding[] };

/** Rules that say nothing about what an id is made of. */
const MAY_STAND = /^PAYLOAD_(?:ID_|DIGEST_|FILE_PATH|FILE_DUPLICATE|RUNTIME_BASE|SECRET_|MODE_|SCHEMA_VERSION_NEWER)/;

/** Gives every entry the id that its agent and template make. All else, comments too, stays as it was written. */
export function syncIds(bytes: Uint8Array): SyncedIds {
  const read = readYaml(bytes);
  if (!read.ok) return { ok: false, findings: [read.finding] };
  const { document } = read.yaml;
  const text = new TextDecoder().decode(bytes);
  // A stand-in for each id that is missing: the manifest is judged without its ids.
  const entries = mapsOf(document.get("artifacts"));
  const standIns = edit(
    text,
    entries.flatMap((map) => (isPresent(map) ? [] : [placeId(map, text, "id")])),
  );
  const { manifest, findings } = parseArtifact(new TextEncoder().encode(standIns));
  const blocking = findings.filter(({ code, severity }) => severity === "error" && !MAY_STAND.test(code));
  if (manifest === undefined || hasErrors(blocking)) return { ok: false, findings: blocking.length > 0 ? blocking : findings };
  const changed: { index: number; from: string | null; to: string }[] = [];
  const edits: Edit[] = [];
  const wrong: Finding[] = [];
  manifest.artifacts.forEach((entry, index) => {
    const map = entries[index];
    const to = artifactId(entry.agent, entry.source_template);
    if (map === undefined || (isPresent(map) && entry.id === to)) return;
    const from = isPresent(map) ? entry.id : null;
    changed.push({ index, from, to });
    edits.push(placeId(map, text, to));
    const path = `artifacts[${index}].id`;
    wrong.push(
      from === null
        ? finding("PAYLOAD_ID_MISSING", { path, message: `The id is missing; it is ${to}.` })
        : finding("PAYLOAD_ID_MISMATCH", { path, message: `The id is ${from}, but agent and source_template give ${to}.` }),
    );
  });
  return { ok: true, text: edit(text, edits), changed, findings: wrong };
}

function mapsOf(list: unknown): YAMLMap[] {
  if (typeof list !== "object" || list === null || !("items" in list) || !Array.isArray(list.items)) return [];
  return list.items.filter((item) => isMap(item));
}

function isPresent(map: YAMLMap): boolean {
  const node = map.get("id", true);
  return isScalar(node) && node.value !== null;
}

interface Edit {
  start: number;
  end: number;
  text: string;
}

function placeId(map: YAMLMap, text: string, id: string): Edit {
  const pair = map.items.find(({ key }) => isScalar(key) && key.value === "id");
  if (pair !== undefined && isScalar(pair.value) && pair.value.value !== null && pair.value.range) {
    const [start, end] = pair.value.range;
    const quote = /["']/.exec(text[start] ?? "")?.[0] ?? "";
    return { start, end, text: `${quote}${id}${quote}` };
  }
  if (pair !== undefined && isScalar(pair.key) && pair.key.range) {
    // `id:` with nothing behind it.
    const colon = text.indexOf(":", pair.key.range[1]) + 1;
    const nothing = isScalar(pair.value) ? (pair.value.range?.[1] ?? colon) : colon;
    return { start: colon, end: isScalar(pair.value) && pair.value.source ? nothing : colon, text: ` ${id}` };
  }
  const [start] = map.range ?? [0];
  if (map.flow) return { start: start + 1, end: start + 1, text: ` id: ${id},` };
  const column = start - (text.lastIndexOf("\n", start - 1) + 1);
  return { start, end: start, text: `id: ${id}\n${" ".repeat(column)}` };
}

function edit(text: string, edits: readonly Edit[]): string {
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((done, { start, end, text: put }) => done.slice(0, start) + put + done.slice(end), text);
}
