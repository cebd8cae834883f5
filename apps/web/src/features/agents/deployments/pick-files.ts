/** What a person has dropped or chosen: an archive as it is, or files to be packed. */
import type { PickedFile } from "./pack-folder.ts";

export type Picked = { kind: "archive"; name: string; bundle: Blob } | { kind: "files"; files: PickedFile[] };

const ARCHIVE = /\.(?:tar\.gz|tgz|zip)$/i;
/** Installed packages, what lies hidden, and keys: nothing of it belongs into a bundle. */
const LEFT_OUT = /(?:^|\/)(?:\.[^/]*|node_modules|id_(?:rsa|ed25519|ecdsa)[^/]*|[^/]*\.(?:pem|key|p12|pfx))(?:\/|$)/i;

/** From an `<input type="file">`, of single files or of a folder. The list is read before this returns. */
export async function pickFiles(chosen: FileList): Promise<Picked> {
  return sortOut([...chosen].map((file) => ({ path: file.webkitRelativePath === "" ? file.name : file.webkitRelativePath, file })));
}

/** From a drop: files, folders, or both. */
export async function pickDropped(dropped: DataTransfer): Promise<Picked> {
  // The list of items is gone after the first wait. Files that no disk holds have no entry, but are files.
  const found = [...dropped.items].map(async (item) => {
    const entry = item.webkitGetAsEntry();
    if (entry !== null) return filesOf(entry);
    const file = item.getAsFile();
    return file === null ? [] : [{ path: file.name, file }];
  });
  return sortOut((await Promise.all(found)).flat());
}

/** @throws RangeError when nothing is left */
export function sortOut(all: readonly (PickedFile & { file: File })[]): Picked {
  const [first] = all;
  if (all.length === 1 && first !== undefined && ARCHIVE.test(first.path)) return { kind: "archive", name: first.path, bundle: first.file };
  const root = commonFolder(all.map(({ path }) => path));
  const relative = all.map(({ path, file }) => ({ path: path.slice(root.length), file }));
  const files = relative.filter(({ path }) => !LEFT_OUT.test(path)).toSorted((a, b) => (a.path < b.path ? -1 : 1));
  if (files.length === 0) throw new RangeError("There is no file in it that could be deployed.");
  return { kind: "files", files };
}

/** `agent/` when everything lies in that one folder, which then is the bundle's root. */
function commonFolder(names: readonly string[]): string {
  const folder = /^[^/]+\//.exec(names[0] ?? "")?.[0] ?? "";
  return names.every((name) => name.startsWith(folder)) ? folder : "";
}

async function filesOf(entry: FileSystemEntry): Promise<(PickedFile & { file: File })[]> {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path, file }];
  }
  // Thousands of files that would be left out anyway are not even listed.
  if (LEFT_OUT.test(entry.name)) return [];
  const children = await childrenOf(entry as FileSystemDirectoryEntry);
  return (await Promise.all(children.map(filesOf))).flat();
}

/** A reader gives some entries at a time, and none at the end. */
async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const children: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return children;
    children.push(...some);
  }
}
