/**
 * Makes an image's root of its unpacked layers, by hard links: layers that images share are on the disk once.
 * Nothing writes into a root, which sandboxes see read-only.
 */
import { link, lstat, mkdir, readdir, readlink, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isSystemError } from "@whs/platform/durable-files";

const WHITEOUT = ".wh.";
/** Hides everything below that came before. */
const OPAQUE = ".wh..wh..opq";
const MAX_LINKS = 40;

export async function composeRoot(layers: readonly string[], root: string): Promise<void> {
  await mkdir(root, { mode: 0o755 });
  for (const layer of layers) await lay(layer, "", root);
}

/** Puts the contents of a layer's directory over those of the same directory of the root. */
async function lay(layer: string, path: string, root: string): Promise<void> {
  const entries = await readdir(join(layer, path), { withFileTypes: true });
  if (entries.some(({ name }) => name === OPAQUE)) await empty(join(root, path));
  for (const { name } of entries)
    if (name.startsWith(WHITEOUT) && name !== OPAQUE)
      await rm(join(root, path, name.slice(WHITEOUT.length)), { recursive: true, force: true });
  for (const entry of entries) {
    if (entry.name.startsWith(WHITEOUT)) continue;
    const at = join(path, entry.name);
    if (entry.isDirectory()) await layDirectory(layer, at, root);
    else {
      await rm(join(root, at), { recursive: true, force: true });
      if (entry.isSymbolicLink()) await symlink(await readlink(join(layer, at)), join(root, at));
      else await link(join(layer, at), join(root, at));
    }
  }
}

async function layDirectory(layer: string, path: string, root: string): Promise<void> {
  const found = await lstatOrNull(join(root, path));
  if (found?.isSymbolicLink() === true) {
    // An earlier layer made a link of what this one calls a directory (`/lib` → `usr/lib`): its files belong where that leads.
    const target = await resolveInside(root, path);
    if (target !== null && target !== path) return layInto(layer, path, root, target);
  }
  if (found !== null && !found.isDirectory()) await rm(join(root, path));
  if (found === null || !found.isDirectory()) await mkdir(join(root, path), { mode: 0o755 });
  await lay(layer, path, root);
}

/** As `lay`, with another name in the root than in the layer. */
async function layInto(layer: string, path: string, root: string, target: string): Promise<void> {
  for (const entry of await readdir(join(layer, path), { withFileTypes: true })) {
    if (entry.name.startsWith(WHITEOUT)) continue;
    const from = join(path, entry.name);
    const to = join(target, entry.name);
    const found = await lstatOrNull(join(root, to));
    if (entry.isDirectory()) {
      if (found !== null && !found.isDirectory()) await rm(join(root, to));
      if (found === null || !found.isDirectory()) await mkdir(join(root, to), { mode: 0o755 });
      await layInto(layer, from, root, to);
    } else {
      await rm(join(root, to), { recursive: true, force: true });
      if (entry.isSymbolicLink()) await symlink(await readlink(join(layer, from)), join(root, to));
      else await link(join(layer, from), join(root, to));
    }
  }
}

/** The directory inside the root that a path leads to, links followed as the image's own root would have them; null: none. */
export async function resolveInside(root: string, path: string): Promise<string | null> {
  const waiting = path.split("/");
  let at = "";
  for (let links = 0; waiting.length > 0;) {
    const part = waiting.shift() ?? "";
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at = dirname(at) === "." ? "" : dirname(at);
      continue;
    }
    const next = join(at, part);
    const found = await lstatOrNull(join(root, next));
    if (found === null) return null;
    if (found.isSymbolicLink()) {
      links += 1;
      if (links > MAX_LINKS) return null;
      const target = await readlink(join(root, next));
      if (target.startsWith("/")) at = "";
      waiting.unshift(...target.split("/"));
    } else if (found.isDirectory()) at = next;
    else return null;
  }
  return at;
}

async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
}

async function lstatOrNull(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
}
