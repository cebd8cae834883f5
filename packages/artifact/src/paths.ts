import { BundleError, type BundleErrorCode } from "./archive/bundle-error.ts";

/** Longest path of an entry, in UTF-8 bytes. */
export const MAX_PATH_BYTES = 512;
/** Most segments of a path: `a/b/c` has three. */
export const MAX_PATH_DEPTH = 32;
/** Longest single name that common file systems take, in UTF-8 bytes. */
export const MAX_NAME_BYTES = 255;

export interface PathProblem {
  code: BundleErrorCode;
  reason: string;
}
export type CheckedPath = { ok: true; path: string } | ({ ok: false } & PathProblem);

const encoder = new TextEncoder();

/**
 * Decides whether a name from an archive or a manifest is a relative path that stays where it is put, on every system.
 * Leading `./` is dropped, and so is one trailing `/`; `.` alone gives the empty path, the root itself.
 */
export function checkPath(name: string): CheckedPath {
  if (/^(?:\.\/)*\.?$/.test(name) && name !== "") return { ok: true, path: "" };
  const relative = name.replace(/^(?:\.\/)+/, "");
  const problem = characterProblem(relative);
  if (problem !== null) return { ok: false, ...problem };
  const path = relative.replace(/\/$/, "");
  const segments = path.split("/");
  const segmentProblem = lengthProblem(path, segments) ?? segments.map(nameProblem).find((found) => found !== null) ?? null;
  return segmentProblem === null ? { ok: true, path } : { ok: false, ...segmentProblem };
}

function characterProblem(name: string): PathProblem | null {
  if (name === "") return { code: "PATH_EMPTY", reason: "the name is empty" };
  if (!name.isWellFormed()) return { code: "PATH_NOT_UTF8", reason: "the name is not valid UTF-8" };
  if (/\p{Cc}/u.test(name)) return { code: "PATH_CONTROL_CHARACTER", reason: "the name holds a control character" };
  if (name.includes("\\")) return { code: "PATH_BACKSLASH", reason: "the name holds a backslash; separate folders with /" };
  if (/^[A-Za-z]:/.test(name)) return { code: "PATH_DRIVE_LETTER", reason: "the name begins with a drive letter; it must be relative" };
  if (name.startsWith("/")) return { code: "PATH_ABSOLUTE", reason: "the path is absolute; it must be relative to the bundle's root" };
  return null;
}

function lengthProblem(path: string, segments: readonly string[]): PathProblem | null {
  const bytes = encoder.encode(path).length;
  if (bytes > MAX_PATH_BYTES) return { code: "PATH_TOO_LONG", reason: `the path has ${bytes} bytes; the limit is ${MAX_PATH_BYTES}` };
  if (segments.length > MAX_PATH_DEPTH)
    return { code: "PATH_TOO_DEEP", reason: `the path is ${segments.length} levels deep; the limit is ${MAX_PATH_DEPTH}` };
  return null;
}

function nameProblem(segment: string): PathProblem | null {
  if (segment === "..") return { code: "PATH_TRAVERSAL", reason: 'the path holds ".."' };
  if (segment === "" || segment === ".") return { code: "PATH_EMPTY_SEGMENT", reason: 'the path holds an empty or "." segment' };
  const bytes = encoder.encode(segment).length;
  if (bytes > MAX_NAME_BYTES)
    return { code: "PATH_TOO_LONG", reason: `a name in the path has ${bytes} bytes; the limit is ${MAX_NAME_BYTES}` };
  return null;
}

/** Checks a name given as bytes: archives hold no text. @throws BundleError naming the entry. */
export function requirePath(name: Uint8Array | string): string {
  const text = typeof name === "string" ? name : decodeName(name);
  const checked = checkPath(text);
  if (!checked.ok) throw new BundleError(checked.code, checked.reason, { entry: text });
  return checked.path;
}

function decodeName(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  // Decoding again must give the bytes back, else invalid ones were replaced.
  if (Buffer.compare(encoder.encode(text), bytes) !== 0)
    throw new BundleError("PATH_NOT_UTF8", "the name is not valid UTF-8", { entry: text });
  return text;
}

/**
 * Equal for two paths that some file system takes for the same file: canonical composition, then full case folding.
 * Lower, upper, lower covers letters whose case pairs are one-way, such as ẞ, ß and ss or the Kelvin sign.
 */
export function foldPath(path: string): string {
  return path.normalize("NFC").toLowerCase().toUpperCase().toLowerCase().normalize("NFC");
}

/** The paths of one bundle so far; refuses what would meet on a file system that folds names. */
export class PathSet {
  private readonly seen = new Map<string, { path: string; kind: "file" | "directory" }>();

  /** Adds a checked path and the directories that it implies. @throws BundleError. A directory may be named twice. */
  add(path: string, kind: "file" | "directory"): void {
    for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) this.claim(path.slice(0, end), "directory", path);
    this.claim(path, kind, path);
  }

  private claim(path: string, kind: "file" | "directory", entry: string): void {
    const key = foldPath(path);
    const other = this.seen.get(key);
    if (other === undefined) {
      this.seen.set(key, { path, kind });
      return;
    }
    if (other.path !== path)
      throw new BundleError("ENTRY_DUPLICATE", `differs only in case or Unicode form from ${JSON.stringify(other.path)}`, { entry });
    if (other.kind === "directory" && kind === "directory") return;
    if (other.kind === kind) throw new BundleError("ENTRY_DUPLICATE", "the archive holds it twice", { entry });
    throw new BundleError("ENTRY_CONFLICT", `${JSON.stringify(path)} is both a file and a directory`, { entry });
  }
}
