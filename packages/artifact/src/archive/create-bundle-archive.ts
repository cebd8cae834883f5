import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { PathSet, requirePath } from "../paths.ts";

export interface BundleSource {
  path: string;
  bytes: Uint8Array;
}

const EPOCH = new Date(0);
const OPERATING_SYSTEM_BYTE = 9;
const UNKNOWN_OPERATING_SYSTEM = 255;

/**
 * A `.tar.gz` that depends on nothing but names and contents: sorted by the path's bytes, fixed times, owners and modes.
 * The same files give the same bytes with the same version of zlib. @throws BundleError for a path that no reader would take.
 */
export async function createBundleArchive(files: Iterable<BundleSource>): Promise<Uint8Array> {
  const paths = new PathSet();
  const sorted = [...files]
    .map(({ path, bytes }) => ({ path: requirePath(path), bytes }))
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  const tar = pack();
  for (const { path, bytes } of sorted) {
    paths.add(path, "file");
    tar.entry({ name: path, size: bytes.length, mode: 0o644, mtime: EPOCH, uid: 0, gid: 0, type: "file" }, Buffer.from(bytes));
  }
  tar.finalize();
  const compressed = gzipSync(await buffer(tar), { level: 9 });
  // zlib writes the system it was built for.
  compressed[OPERATING_SYSTEM_BYTE] = UNKNOWN_OPERATING_SYSTEM;
  return compressed;
}
