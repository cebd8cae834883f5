/** What differs between the files of two bundles, and between two texts of a file, line by line. */
import type { DeploymentFile } from "@whs/api";
import { structuredPatch } from "diff";

export interface FileChange {
  path: string;
  /** Of the later bundle, or of the earlier one where it is only there. */
  sizeBytes: number;
  change: "added" | "removed" | "changed" | "same";
}

const ORDER: readonly FileChange["change"][] = ["changed", "added", "removed", "same"];

/** What changed first, then by path. */
export function compareFiles(before: readonly DeploymentFile[], after: readonly DeploymentFile[]): FileChange[] {
  const old = new Map(before.map((file) => [file.path, file]));
  const now = new Set(after.map(({ path }) => path));
  const changes: FileChange[] = [
    ...after.map(({ path, sizeBytes, sha256 }) => {
      const earlier = old.get(path);
      return { path, sizeBytes, change: earlier === undefined ? "added" : earlier.sha256 === sha256 ? "same" : "changed" } as const;
    }),
    ...before.filter(({ path }) => !now.has(path)).map(({ path, sizeBytes }) => ({ path, sizeBytes, change: "removed" as const })),
  ];
  return changes.toSorted((a, b) => ORDER.indexOf(a.change) - ORDER.indexOf(b.change) || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

export interface DiffLine {
  kind: "added" | "removed" | "same" | "gap";
  text: string;
}

/** Texts that differ too much are not worth the time it takes to say how: everybody else's pages wait for it. */
const DIFF_TIMEOUT_MS = 200;
/** Lines that came or went. The time goes by the square. */
const MOST_CHANGES = 1_000;
const CONTEXT_LINES = 3;

/** Null for texts that differ in too much. */
export function diffLines(before: string, after: string): DiffLine[] | null {
  const patch = structuredPatch("", "", before, after, "", "", {
    context: CONTEXT_LINES,
    timeout: DIFF_TIMEOUT_MS,
    maxEditLength: MOST_CHANGES,
  });
  if (patch === undefined) return null;
  // What is said of a missing end of line is worth saying where it is the difference.
  const remarks = before.endsWith("\n") !== after.endsWith("\n");
  return patch.hunks.flatMap(({ newStart, lines }, index) => [
    ...(index === 0 && newStart <= 1 ? [] : [{ kind: "gap" as const, text: `Line ${newStart}` }]),
    ...lines.filter((line) => remarks || !line.startsWith("\\")).map(toLine),
  ]);
}

function toLine(line: string): DiffLine {
  const text = line.slice(1);
  if (line.startsWith("+")) return { kind: "added", text };
  if (line.startsWith("-")) return { kind: "removed", text };
  // A backslash begins the diff's own remark on the line before.
  return line.startsWith("\\") ? { kind: "gap", text: text.trim() } : { kind: "same", text };
}
