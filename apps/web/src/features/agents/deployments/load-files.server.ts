/** The files of a deployment beside those of another one, and the one file that is looked at. */
import { type Deployment, type DeploymentFile, getDeploymentFile, listDeploymentFiles } from "@whs/api";
import type { Api } from "../../../api.server.ts";
import { compareFiles, type DiffLine, diffLines, type FileChange } from "./compare-files.server.ts";

export interface LoadedFiles {
  changes: FileChange[];
  /** Files beyond those in `changes`. */
  more: number;
  shown: ShownFile | null;
}

export interface ShownFile {
  path: string;
  /** Null where there is no text to show, as `note` says. */
  lines: DiffLine[] | null;
  note: string | null;
}

const MOST_FILES = 300;
const MOST_LINES = 4_000;

/** Null where the bundle is not stored any more, or was never fetched. */
export async function loadFiles(
  api: Api,
  { deployment, against, path }: { deployment: Deployment; against: Deployment | null; path: string | null },
): Promise<LoadedFiles | null> {
  const [after, before] = await Promise.all([filesOf(api, deployment), against === null ? [] : filesOf(api, against)]);
  if (after === null || before === null) return null;
  const all = compareFiles(against === null ? after : before, after);
  const wanted = all.find((file) => file.path === path);
  const shown = wanted === undefined ? null : await show(api, wanted, deployment, against);
  return { changes: all.slice(0, MOST_FILES), more: Math.max(0, all.length - MOST_FILES), shown };
}

async function filesOf(api: Api, { id }: Deployment): Promise<readonly DeploymentFile[] | null> {
  const listed = await api.attempt(listDeploymentFiles, { id });
  return listed.ok ? listed.answer.items : null;
}

async function show(api: Api, { path, change }: FileChange, deployment: Deployment, against: Deployment | null): Promise<ShownFile> {
  const [after, before] = await Promise.all([
    change === "removed" ? EMPTY : textOf(api, deployment.id, path),
    change === "changed" || change === "removed" ? textOf(api, against?.id ?? "", path) : EMPTY,
  ]);
  if (after.text === null || before.text === null) return { path, lines: null, note: after.note ?? before.note };
  const lines = change === "same" ? after.text.split("\n").map(asItIs) : diffLines(before.text, after.text);
  if (lines === null) return { path, lines: null, note: "The two versions have too little in common to be compared line by line." };
  const note = lines.length > MOST_LINES ? `Of ${lines.length} lines the first ${MOST_LINES} are shown.` : null;
  return { path, lines: lines.slice(0, MOST_LINES), note };
}

function asItIs(text: string): DiffLine {
  return { kind: "same", text };
}

/** A text, or why there is none. */
interface Read {
  text: string | null;
  note: string | null;
}

const EMPTY: Read = { text: "", note: null };

async function textOf(api: Api, id: string, path: string): Promise<Read> {
  const read = await api.attempt(getDeploymentFile, { id, path });
  if (!read.ok) return { text: null, note: read.problem.message };
  const { content, text } = read.answer.file;
  return { text, note: content === "text" ? null : NOTES[content] };
}

const NOTES = {
  binary: "This file is not text.",
  too_large: "This file has more than 256 KiB, which is the most that is shown.",
  withheld: "This file is its publisher's: it was installed from the marketplace, and its text is not shown.",
} as const;
