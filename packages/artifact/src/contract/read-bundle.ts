import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { BundleError } from "../archive/bundle-error.ts";
import { BUNDLE_LIMITS, formatBytes } from "../archive/limits.ts";
import { readArchive } from "../archive/read-archive.ts";
import { checkPath, foldPath, PathSet } from "../paths.ts";
import type { ArtifactFiles } from "./files.ts";
import { finding, shown, type Finding } from "./finding.ts";
import type { FindingCode } from "./finding-codes.ts";
import { isRuntimeBase } from "./manifest-rules.ts";
import type { ArtifactEntry } from "./schema.ts";

/** A file as it lies in the bundle, or what is wrong with a place in it. */
export type BundleItem = { file: { path: string; content(): AsyncIterable<Uint8Array> } } | { finding: Finding };

type Place = Pick<ArtifactEntry, "artifact_root" | "bundle">;

/**
 * All files of an entry's bundle, a folder's or an archive's, in no particular order. `path`: the entry in the manifest, for
 * findings; `folder`: the manifest's folder. Never leaves `artifact_root`, links included. @throws the system's errors
 */
export async function* readBundle(
  files: ArtifactFiles,
  entry: Place,
  { path, folder }: { path: string; folder: string },
): AsyncGenerator<BundleItem> {
  const located = await locate(files, entry, path, folder);
  if ("finding" in located) yield located;
  else if (located.kind === "directory") yield* readFolder(files, located, path);
  else yield* readPacked(files, located.bundle, path);
}

interface Located {
  /** Absolute, without links. */
  root: string;
  bundle: string;
  kind: "directory" | "archive";
}

async function locate(files: ArtifactFiles, entry: Place, path: string, folder: string): Promise<Located | { finding: Finding }> {
  const fail = (code: FindingCode, field: "artifact_root" | "bundle", message: string) => ({
    finding: finding(code, { path: `${path}.${field}`, message }),
  });
  if (entry.artifact_root.includes("\0")) return fail("PAYLOAD_ROOT_MISSING", "artifact_root", "The path holds a NUL.");
  const root = await files.realPath(resolve(folder, entry.artifact_root));
  if (root === null || (await files.stat(root))?.kind !== "directory")
    return fail("PAYLOAD_ROOT_MISSING", "artifact_root", `There is no folder ${shown(entry.artifact_root)}.`);
  if ((await files.list(root)).some((name) => name !== null && foldPath(name) === "runtime-base"))
    return fail("PAYLOAD_RUNTIME_BASE", "artifact_root", "The folder holds runtime-base/, which is never payload.");
  const checked = checkPath(entry.bundle);
  if (!checked.ok)
    return fail("PAYLOAD_BUNDLE_PATH", "bundle", `${shown(entry.bundle)} is no path below artifact_root: ${checked.reason}.`);
  const bundle = await files.realPath(join(root, checked.path));
  const stat = bundle === null ? null : await files.stat(bundle);
  if (bundle === null || stat === null)
    return fail("PAYLOAD_BUNDLE_MISSING", "bundle", `There is no ${shown(entry.bundle)} in artifact_root.`);
  if (!isInside(root, bundle)) return fail("PAYLOAD_BUNDLE_OUTSIDE", "bundle", `${shown(entry.bundle)} leads out of artifact_root.`);
  if (stat.kind === "directory") return { root, bundle, kind: "directory" };
  if (stat.kind === "file" && /\.(?:tar\.gz|zip)$/i.test(checked.path)) return { root, bundle, kind: "archive" };
  return fail("PAYLOAD_BUNDLE_FORMAT", "bundle", `${shown(entry.bundle)} is no folder, .tar.gz or .zip.`);
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

async function* readPacked(files: ArtifactFiles, bundle: string, path: string): AsyncGenerator<BundleItem> {
  try {
    for await (const entry of readArchive(files.read(bundle))) {
      if (entry.type === "directory") continue;
      const base = runtimeBaseIn(entry.path, path);
      yield base === null ? { file: { path: entry.path, content: () => entry.content() } } : { finding: base };
    }
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    const code = error.code.startsWith("LIMIT_") ? "PAYLOAD_BUNDLE_LIMIT" : "PAYLOAD_BUNDLE_ARCHIVE";
    yield { finding: finding(code, { path: `${path}.bundle`, message: `The archive is refused: ${error.message}` }) };
  }
}

function runtimeBaseIn(file: string, path: string): Finding | null {
  if (!isRuntimeBase(file)) return null;
  return finding("PAYLOAD_RUNTIME_BASE", {
    path: `${path}.bundle:${file}`,
    message: `${shown(file)} belongs to a runtime base, which is never payload.`,
  });
}

/** Walks without recursion; `above` are the real folders on the way, so that links in circles end. */
async function* readFolder(files: ArtifactFiles, { root, bundle }: Located, path: string): AsyncGenerator<BundleItem> {
  const seen = new PathSet();
  const pending: { real: string; name: string; above: readonly string[] }[] = [{ real: bundle, name: "", above: [] }];
  let entries = 0;
  let bytes = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const name of await files.list(next.real)) {
      const relativePath = name === null ? null : next.name === "" ? name : `${next.name}/${name}`;
      const fail = (code: FindingCode, message: string) => ({
        finding: finding(code, { path: `${path}.bundle:${relativePath ?? next.name}`, message }),
      });
      entries += 1;
      if (entries > BUNDLE_LIMITS.maxEntries)
        return yield {
          finding: finding("PAYLOAD_BUNDLE_LIMIT", {
            path: `${path}.bundle`,
            message: `The bundle holds more than ${BUNDLE_LIMITS.maxEntries} files and folders.`,
          }),
        };
      const problem = name === null || relativePath === null ? "a name is not valid UTF-8" : pathProblem(relativePath);
      if (name === null || relativePath === null || problem !== null) {
        yield fail("PAYLOAD_FILE_PATH", `The bundle holds a file with an impossible path: ${problem ?? ""}.`);
        continue;
      }
      const item = await look(files, { root, real: join(next.real, name), above: [...next.above, next.real] }, fail);
      if ("finding" in item) yield item;
      else if (isRuntimeBase(relativePath))
        yield fail("PAYLOAD_RUNTIME_BASE", `${shown(relativePath)} belongs to a runtime base, which is never payload.`);
      else {
        const collision = addTo(seen, relativePath, item.kind);
        if (collision !== null)
          yield fail("PAYLOAD_FILE_DUPLICATE", `The bundle holds two files whose names are the same on some systems: ${collision}.`);
        else if (item.kind === "directory") pending.push({ real: item.real, name: relativePath, above: [...next.above, next.real] });
        else {
          bytes += item.size;
          if (bytes > BUNDLE_LIMITS.maxExtractedBytes)
            return yield {
              finding: finding("PAYLOAD_BUNDLE_LIMIT", {
                path: `${path}.bundle`,
                message: `The bundle holds more than ${formatBytes(BUNDLE_LIMITS.maxExtractedBytes)}.`,
              }),
            };
          yield { file: { path: relativePath, content: () => files.read(item.real) } };
        }
      }
    }
  }
}

function pathProblem(path: string): string | null {
  const checked = checkPath(path);
  return checked.ok ? null : checked.reason;
}

function addTo(seen: PathSet, path: string, kind: "file" | "directory"): string | null {
  try {
    seen.add(path, kind);
    return null;
  } catch (error) {
    if (error instanceof BundleError) return error.message;
    throw error;
  }
}

type Seen = { kind: "file" | "directory"; real: string; size: number } | { finding: Finding };

async function look(
  files: ArtifactFiles,
  { root, real, above }: { root: string; real: string; above: readonly string[] },
  fail: (code: FindingCode, message: string) => { finding: Finding },
): Promise<Seen> {
  const target = await files.realPath(real);
  if (target === null) return fail("PAYLOAD_LINK_BROKEN", "A link leads nowhere.");
  if (!isInside(root, target)) return fail("PAYLOAD_LINK_OUTSIDE", "A link leads out of artifact_root.");
  if (above.includes(target)) return fail("PAYLOAD_LINK_BROKEN", "A link leads to a folder that it lies in.");
  const stat = await files.stat(target);
  if (stat === null) return fail("PAYLOAD_LINK_BROKEN", "A link leads nowhere.");
  if (stat.kind === "other") return fail("PAYLOAD_SPECIAL_FILE", "This is neither a file nor a folder.");
  return { kind: stat.kind, real: target, size: stat.size };
}
