/** What an agent's image stands on: Node and the libraries it needs, from this machine's files or from a registry. */
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { readElfNeeds } from "./elf.ts";
import type { Architecture, ImageLayer } from "./image.ts";
import { writeLayer } from "./layer.ts";
import { type ImageReference, pullManifest } from "./pull.ts";
import type { TarEntry } from "./tar.ts";

export interface BaseLayer extends ImageLayer {
  /** The blob's bytes from an offset on. */
  open(offset: number): Promise<Readable>;
}
export interface BaseImage {
  layers: readonly BaseLayer[];
  architecture: Architecture;
  /** Absolute path of Node inside. */
  nodePath: string;
  env: readonly string[];
  /** Where a registry already holds the layers, they need not be sent. */
  origin?: ImageReference;
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const NODE_PATH = "opt/whs/node";
const TRIPLETS: Readonly<Record<Architecture, string>> = { amd64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };
/** Where Linux distributions keep libraries, and where their loaders look without being told. */
const libraryFolders = (triplet: string) => [`lib/${triplet}`, `usr/lib/${triplet}`, "lib64", "usr/lib64", "lib", "usr/lib"];

export interface BuiltBaseOptions {
  /** A Node binary for Linux; its machine decides the image's. */
  nodeBinary: string;
  /** Where its libraries are: the root of this system, or a folder with Debian's packages for another machine unpacked. */
  libraryRoot: string;
  /** Keeps the layer, which takes seconds to make. */
  cacheDirectory: string;
}

/** Node and its shared libraries as one layer: a file system with nothing else in it. */
export async function buildBase(options: BuiltBaseOptions): Promise<BaseImage> {
  const { architecture, files } = collectFiles(options.nodeBinary, options.libraryRoot);
  const key = await fingerprint(files);
  const index = path.join(options.cacheDirectory, `base-${key}.json`);
  const known = await readCached(index, options.cacheDirectory);
  const layer = known ?? (await writeBaseLayer(files, options.cacheDirectory, index));
  return {
    architecture,
    nodePath: `/${NODE_PATH}`,
    env: [PATH],
    layers: [{ ...layer.descriptor, open: (start) => Promise.resolve(createReadStream(layer.file, { start })) }],
  };
}

/** The image's own layers as they are. @throws Error when it has none for this machine. */
export async function baseFromRegistry(options: {
  reference: ImageReference;
  architecture: Architecture;
  nodePath: string;
}): Promise<BaseImage> {
  const { layers, env } = await pullManifest(options.reference, options.architecture);
  const { registry } = options.reference;
  return {
    architecture: options.architecture,
    nodePath: options.nodePath,
    env,
    origin: options.reference,
    layers: layers.map((layer) => ({ ...layer, open: (offset) => registry.openBlob(options.reference.repository, layer, offset) })),
  };
}

interface BaseFile {
  /** Path in the image. */
  path: string;
  /** File on this machine. */
  file: string;
}

function collectFiles(nodeBinary: string, root: string): { architecture: Architecture; files: BaseFile[] } {
  const { architecture, interpreter, libraries } = readElfNeeds(nodeBinary);
  if (interpreter === null) throw new Error(`${nodeBinary} is no program.`);
  const folders = libraryFolders(TRIPLETS[architecture]);
  const files: BaseFile[] = [
    { path: NODE_PATH, file: nodeBinary },
    { path: interpreter.slice(1), file: path.join(root, interpreter) },
  ];
  const seen = new Set([path.basename(interpreter)]);
  const queue = [...libraries];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const folder = folders.find((candidate) => isFor(path.join(root, candidate, name), architecture));
    if (folder === undefined) throw new Error(`Node for linux/${architecture} needs ${name}, which is not under ${root}.`);
    const file = path.join(root, folder, name);
    files.push({ path: `lib/${TRIPLETS[architecture]}/${name}`, file });
    queue.push(...readElfNeeds(file).libraries);
  }
  return { architecture, files };
}

function isFor(file: string, architecture: Architecture): boolean {
  return existsSync(file) && readElfNeeds(file).architecture === architecture;
}

async function writeBaseLayer(files: readonly BaseFile[], directory: string, index: string): Promise<CachedLayer> {
  const entries: TarEntry[] = [
    ...files.map(({ path: name, file }): TarEntry => ({ path: name, type: "file", mode: 0o755, content: { file } })),
    { path: "etc/passwd", type: "file", mode: 0o644, content: Buffer.from("root:x:0:0:root:/:\nagent:x:65534:65534:agent:/tmp:\n") },
    { path: "etc/group", type: "file", mode: 0o644, content: Buffer.from("root:x:0:\nagent:x:65534:\n") },
    { path: "tmp", type: "directory", mode: 0o1777 },
    // What a container's own file systems are mounted on: the root may be read-only.
    ...["dev", "proc", "sys", "mnt/session"].map((name): TarEntry => ({ path: name, type: "directory", mode: 0o755 })),
  ];
  // Level 1: half the time of level 6 for a tenth more bytes, on a layer that is sent once.
  const { file, ...descriptor } = await writeLayer(entries, directory, { level: 1 });
  const unfinished = `${index}.${process.pid}`;
  await writeFile(unfinished, JSON.stringify({ descriptor, name: path.basename(file) }));
  await rename(unfinished, index);
  return { descriptor, file };
}

interface CachedLayer {
  descriptor: ImageLayer;
  file: string;
}

async function readCached(index: string, directory: string): Promise<CachedLayer | null> {
  await mkdir(directory, { recursive: true });
  if (!existsSync(index)) return null;
  const { descriptor, name } = JSON.parse(await readFile(index, "utf8")) as { descriptor: ImageLayer; name: string };
  const file = path.join(directory, name);
  const known = existsSync(file) ? await stat(file) : null;
  return known?.size === descriptor.size ? { descriptor, file } : null;
}

/** Changes when any of the files does; reading 130 MB to be sure would cost more than it is worth. */
async function fingerprint(files: readonly BaseFile[]): Promise<string> {
  const hash = createHash("sha256");
  for (const { path: name, file } of files) {
    const { size, mtimeMs } = await stat(file);
    hash.update(JSON.stringify([name, file, size, mtimeMs]));
  }
  return hash.digest("hex").slice(0, 32);
}
