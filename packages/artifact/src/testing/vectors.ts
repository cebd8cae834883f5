/** Lays out the cases of `vectors/payload.json` as files. `vectors/README.md` says what the fields of a case mean. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createBundleArchive } from "../archive/create-bundle-archive.ts";
import { payloadDigest } from "../contract/digest.ts";
import type { ArtifactManifest } from "../contract/schema.ts";

type Content =
  | string
  | null
  | { base64: string }
  | { parts: string[] }
  | { link: string }
  | { fifo: true }
  | { tarGz: Record<string, string> };

interface PatchStep {
  op: "add" | "replace" | "remove";
  path: string;
  value?: unknown;
}

export interface PayloadCase {
  rule: string;
  files?: Record<string, Content>;
  seal?: number[];
  patch?: PatchStep[];
  manifest?: string;
  manifestBase64?: string;
  manifestPadding?: number;
  noManifest?: true;
  options?: { allowFiles?: string[] };
  expect: { exit: number; findings: { code: string; severity: string; path: string }[] };
}

interface PayloadVectors {
  base: { manifest: ArtifactManifest; files: Record<string, string> };
  cases: PayloadCase[];
}

export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8")) as T;
}

/** All cases; the folder that they are laid out in should be called `here`. */
export const payloadVectors: PayloadVectors = readVectors("payload");

/** Writes a case below `folder`, which must not hold anything. @returns the manifest's path */
export async function layOut(vector: Pick<PayloadCase, Exclude<keyof PayloadCase, "rule" | "expect">>, folder: string): Promise<string> {
  const files: Record<string, Content> = { ...payloadVectors.base.files, ...vector.files };
  for (const [path, content] of Object.entries(files)) if (content !== null) await put(join(folder, path), content);
  const manifest = structuredClone(payloadVectors.base.manifest);
  for (const index of vector.seal ?? []) seal(manifest, index, files);
  for (const step of vector.patch ?? []) apply(manifest, step);
  const path = join(folder, "artifact.yml");
  // JSON is YAML.
  const text = vector.manifest ?? `${JSON.stringify(manifest, null, 2)}\n${"#".repeat(vector.manifestPadding ?? 0)}`;
  if (vector.noManifest !== true)
    writeFileSync(path, vector.manifestBase64 === undefined ? text : Buffer.from(vector.manifestBase64, "base64"));
  return path;
}

async function put(path: string, content: Exclude<Content, null>): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  if (typeof content === "string") writeFileSync(path, content);
  else if ("base64" in content) writeFileSync(path, Buffer.from(content.base64, "base64"));
  else if ("parts" in content) writeFileSync(path, content.parts.join(""));
  else if ("link" in content) symlinkSync(content.link, path);
  else if ("fifo" in content) execFileSync("mkfifo", [path]);
  else
    writeFileSync(
      path,
      await createBundleArchive(Object.entries(content.tarGz).map(([name, text]) => ({ path: name, bytes: Buffer.from(text) }))),
    );
}

/** Lists the files of an entry's bundle as they are now. */
function seal(manifest: ArtifactManifest, index: number, files: Record<string, Content>): void {
  const entry = manifest.artifacts[index];
  if (entry === undefined) throw new Error(`The base has no entry ${index}.`);
  const prefix = `${entry.artifact_root.slice(2)}/${entry.bundle}`;
  const listed = Object.entries(files).flatMap(([path, content]) => {
    if (!path.startsWith(prefix) || content === null) return [];
    if (typeof content !== "string" && !("parts" in content)) throw new Error(`${path} cannot be sealed.`);
    const bytes = Buffer.from(typeof content === "string" ? content : content.parts.join(""));
    return [{ path: path.slice(prefix.length), sha256: createHash("sha256").update(bytes).digest("hex"), size: bytes.length }];
  });
  entry.payload = { digest: payloadDigest(listed), files: listed };
}

/** The three steps of JSON Patch (RFC 6902) that the cases use. */
function apply(root: unknown, { op, path, value }: PatchStep): void {
  const keys = path.slice(1).split("/");
  const last = keys.pop() ?? "";
  const holder = keys.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], root);
  if (Array.isArray(holder)) holder.splice(Number(last), op === "add" ? 0 : 1, ...(op === "remove" ? [] : [value]));
  else if (op === "remove") Reflect.deleteProperty(holder as object, last);
  else (holder as Record<string, unknown>)[last] = value;
}

export function removeLayout(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
