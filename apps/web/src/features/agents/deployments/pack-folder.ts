/** A folder of the person's as the archive that the API takes. */

export interface PickedFile {
  /** Relative to the bundle's root, with `/`. */
  path: string;
  file: Blob;
}

const BLOCK = 512;
/** Fields of a header (POSIX ustar): where each begins, and how long it is. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  owner: [108, 8],
  group: [116, 8],
  size: [124, 12],
  time: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
  prefix: [345, 155],
} as const;

/** @returns a `.tar.gz` @throws RangeError for a path that the format cannot hold */
export async function packFolder(files: readonly PickedFile[]): Promise<Blob> {
  const parts: BlobPart[] = [];
  for (const { path, file } of files) parts.push(headerOf(path, file.size), file, new Uint8Array(-file.size & (BLOCK - 1)));
  parts.push(new Uint8Array(2 * BLOCK));
  // The blob's parts are read as they are compressed: the folder is never in memory as a whole.
  return new Response(new Blob(parts).stream().pipeThrough(new CompressionStream("gzip"))).blob();
}

function headerOf(path: string, size: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(BLOCK);
  const put = (field: keyof typeof FIELDS, text: string | Uint8Array): void =>
    header.set(typeof text === "string" ? new TextEncoder().encode(text) : text, FIELDS[field][0]);
  const [prefix, name] = splitPath(path);
  put("name", name);
  put("prefix", prefix);
  put("mode", "0000644");
  put("owner", "0000000");
  put("group", "0000000");
  put("size", size.toString(8).padStart(11, "0"));
  put("time", "00000000000");
  put("type", "0");
  put("magic", "ustar\u000000");
  put("checksum", "        ");
  const sum = header.reduce((total, byte) => total + byte, 0);
  put("checksum", `${sum.toString(8).padStart(6, "0")}\0 `);
  return header;
}

/** Long paths are held in two fields, which part at a slash. */
function splitPath(path: string): [prefix: Uint8Array, name: Uint8Array] {
  const encoder = new TextEncoder();
  const whole = encoder.encode(path);
  if (whole.length <= FIELDS.name[1]) return [new Uint8Array(), whole];
  for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1)) {
    const prefix = encoder.encode(path.slice(0, slash));
    const name = encoder.encode(path.slice(slash + 1));
    if (prefix.length <= FIELDS.prefix[1] && name.length > 0 && name.length <= FIELDS.name[1]) return [prefix, name];
  }
  throw new RangeError(`"${path}" is too long a path to be packed here. npx whs deploy can.`);
}
