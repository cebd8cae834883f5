import { type DeploymentFile, type DeploymentFileContent, shownFileMaxBytes } from "@whs/api";
import { readArchive } from "@whs/artifact";
import { notFound } from "@whs/platform/errors";
import { createHash } from "node:crypto";
import { createBoundedCache } from "../../bounded-cache.ts";
import type { Context } from "../../context.ts";
import { requireDeployment } from "./list-deployments.ts";
import { isInstalledBundle } from "./store.ts";
import { findStoredBundle, type StoredBundle } from "./stored-bundle.ts";
import { createUserPlaces } from "./user-places.ts";

export interface FileReader {
  /** Files of the bundle, by path. @throws AppError `NOT_FOUND`, also where nothing is stored */
  list(context: Context, input: { id: string }): Promise<{ items: DeploymentFile[] }>;
  /** One file, and its text where it is text. @throws AppError `NOT_FOUND` */
  read(context: Context, input: { id: string; path: string }): Promise<{ file: DeploymentFileContent }>;
}

/** Lists that are kept: of the largest bundles some 50 MB. */
const keptLists = 64;
const keptForMs = 3_600_000;

/** Reads bundles where they are stored, within the limits that they were accepted by, a few at a time. */
export function createFileReader(): FileReader {
  const lists = createBoundedCache<DeploymentFile[]>({ maxEntries: keptLists, maxAgeMs: keptForMs });
  const places = createUserPlaces({
    perUser: 4,
    perProcess: 8,
    tooMany: "At most 4 bundles can be read at once.",
    busy: "Too many bundles are read at once; try again in a moment.",
  });
  const inPlace = async <T>(userId: string, work: () => Promise<T>): Promise<T> => {
    const leave = places.enter(userId);
    try {
      return await work();
    } finally {
      leave();
    }
  };
  const listOf = async (context: Context, bundle: StoredBundle): Promise<DeploymentFile[]> => {
    // The same bytes are read in another way where a folder is taken off.
    const key = `${bundle.checksum} ${bundle.readOptions.wrappingFolder?.source ?? ""}`;
    const known = lists.get(key);
    if (known !== undefined) return known;
    const files = await inPlace(context.user.id, () => digestFiles(context, bundle));
    lists.set(key, files);
    return files;
  };
  return {
    async list(context, { id }) {
      const deployment = await requireDeployment(context, id);
      return { items: await listOf(context, await requireBundle(context, deployment)) };
    },
    async read(context, { id, path }) {
      const deployment = await requireDeployment(context, id);
      const bundle = await requireBundle(context, deployment);
      const file = (await listOf(context, bundle)).find((listed) => listed.path === path);
      if (file === undefined) throw notFound("File");
      if (await isInstalledBundle(context.db, context.user.id, bundle.uploadId))
        return { file: { ...file, content: "withheld", text: null } };
      if (file.sizeBytes > shownFileMaxBytes) return { file: { ...file, content: "too_large", text: null } };
      const text = textOf(await inPlace(context.user.id, () => readOne(context, bundle, path)));
      return { file: { ...file, content: text === null ? "binary" : "text", text } };
    },
  };
}

async function requireBundle(context: Context, deployment: Parameters<typeof findStoredBundle>[1]): Promise<StoredBundle> {
  const bundle = await findStoredBundle(context.db, deployment);
  if (typeof bundle === "string") throw notFound("Bundle");
  return bundle;
}

async function digestFiles({ blobs }: Context, { blobKey, readOptions }: StoredBundle): Promise<DeploymentFile[]> {
  const files: DeploymentFile[] = [];
  for await (const entry of readArchive(await blobs.openRead(blobKey), readOptions)) {
    if (entry.type === "directory") continue;
    const hash = createHash("sha256");
    for await (const chunk of entry.content()) hash.update(chunk);
    files.push({ path: entry.path, sizeBytes: entry.size, sha256: hash.digest("hex") });
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

async function readOne({ blobs }: Context, { blobKey, readOptions }: StoredBundle, path: string): Promise<Buffer> {
  for await (const entry of readArchive(await blobs.openRead(blobKey), readOptions)) {
    if (entry.type === "directory" || entry.path !== path) continue;
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry.content()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
  throw notFound("File");
}

/** Null for what is not UTF-8, or holds what no text holds. */
function textOf(bytes: Uint8Array): string | null {
  if (bytes.includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}
