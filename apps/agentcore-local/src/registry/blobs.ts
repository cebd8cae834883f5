/** Blobs by their digest, which repositories have which, tags, and uploads under way. All of it is files. */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open, readdir, readFile, rm, stat, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createDirectory, isSystemError, moveIntoPlace, sweepFiles, syncDirectory, writeTemporary } from "@whs/platform/durable-files";
import { RegistryError } from "./registry-error.ts";

/** Larger than any image that AWS takes (2 GB). */
const MAX_BLOB_BYTES = 2 * 1024 * 1024 * 1024;
/** Left free on the disk, for all else. */
const SPARE_BYTES = 512 * 1024 * 1024;
/** An upload that nobody has continued for so long is given up. */
const UPLOAD_LIFE_MS = 24 * 60 * 60_000;
/** What is pushed just now has no manifest yet. */
const UNREFERENCED_LIFE_MS = 60 * 60_000;

export class BlobStore {
  private readonly folder: string;
  private readonly maxBytes: number;
  private bytes: number;
  private readonly busy = new Set<string>();

  private constructor(folder: string, maxBytes: number, bytes: number) {
    this.folder = folder;
    this.maxBytes = maxBytes;
    this.bytes = bytes;
  }

  static async open(folder: string, maxBytes: number): Promise<BlobStore> {
    for (const part of ["blobs", "uploads", "repositories"]) await createDirectory(join(folder, part));
    await sweepFiles(join(folder, "uploads"), Date.now() - UPLOAD_LIFE_MS);
    let bytes = 0;
    for (const name of await readdir(join(folder, "blobs"))) bytes += (await stat(join(folder, "blobs", name))).size;
    return new BlobStore(folder, maxBytes, bytes);
  }

  /** Bytes of a blob that the repository has; undefined: it has none such. */
  async size(repository: string, digest: string): Promise<number | undefined> {
    if (!(await exists(this.linkPath(repository, digest)))) return undefined;
    return (await statOrNull(this.blobPath(digest)))?.size;
  }

  read(digest: string, range?: { start: number; end: number }): Readable {
    return createReadStream(this.blobPath(digest), range);
  }

  readAll(digest: string): Promise<Buffer> {
    return readFile(this.blobPath(digest));
  }

  /** Gives a repository a blob that another one has. @returns whether that one has it. */
  async mount(repository: string, from: string, digest: string): Promise<boolean> {
    if ((await this.size(from, digest)) === undefined) return false;
    await this.link(repository, digest);
    return true;
  }

  async startUpload(): Promise<string> {
    const id = randomUUID();
    await writeFile(this.uploadPath(id), "", { flag: "wx", mode: 0o600 });
    return id;
  }

  async uploadedBytes(id: string): Promise<number> {
    const found = await statOrNull(this.uploadPath(id));
    if (found === null) throw new RegistryError("BLOB_UPLOAD_UNKNOWN", "There is no such upload.");
    return found.size;
  }

  /** Appends to an upload. What arrived stays when the connection breaks, so that the client can go on from there. */
  async append(id: string, source: Readable, expectedStart: number | undefined): Promise<number> {
    if (this.busy.has(id)) throw new RegistryError("RANGE_INVALID", "The upload is being written.");
    this.busy.add(id);
    try {
      const before = await this.uploadedBytes(id);
      if (expectedStart !== undefined && expectedStart !== before)
        throw new RegistryError("RANGE_INVALID", `The upload goes on at byte ${before}.`);
      await pipeline(source, bounded(await this.room(before)), createWriteStream(this.uploadPath(id), { flags: "a" }));
      return await this.uploadedBytes(id);
    } finally {
      this.busy.delete(id);
    }
  }

  /** Makes an upload a blob of the repository. @throws RegistryError when its bytes have another digest. */
  async finishUpload(repository: string, id: string, digest: string): Promise<void> {
    const path = this.uploadPath(id);
    const size = await this.uploadedBytes(id);
    if ((await digestOf(createReadStream(path))) !== digest) {
      await rm(path, { force: true });
      throw new RegistryError("DIGEST_INVALID", "The bytes do not have the digest.");
    }
    if (await exists(this.blobPath(digest))) await rm(path, { force: true });
    else {
      await sync(path);
      await moveIntoPlace(path, this.blobPath(digest));
      this.bytes += size;
    }
    await this.link(repository, digest);
  }

  async cancelUpload(id: string): Promise<void> {
    await this.uploadedBytes(id);
    await rm(this.uploadPath(id), { force: true });
  }

  /** Stores bytes that are in memory, such as a manifest. */
  async put(repository: string, bytes: Buffer): Promise<string> {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    if (!(await exists(this.blobPath(digest)))) {
      await moveIntoPlace(await writeTemporary(join(this.folder, "uploads"), bytes), this.blobPath(digest));
      this.bytes += bytes.length;
    }
    await this.link(repository, digest);
    return digest;
  }

  async setTag(repository: string, tag: string, digest: string): Promise<void> {
    const folder = join(this.repositoryPath(repository), "tags");
    await createDirectory(folder);
    await moveIntoPlace(await writeTemporary(folder, Buffer.from(digest)), join(folder, tag));
  }

  async tag(repository: string, tag: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.repositoryPath(repository), "tags", tag), "utf8");
    } catch (error) {
      if (isSystemError(error, "ENOENT", "ENOTDIR", "EISDIR")) return undefined;
      throw error;
    }
  }

  async tags(repository: string): Promise<string[]> {
    if (!(await exists(this.repositoryPath(repository)))) throw new RegistryError("NAME_UNKNOWN", "There is no such repository.");
    const names = await readdirOrNone(join(this.repositoryPath(repository), "tags"));
    return names.filter((name) => !name.endsWith(".tmp")).toSorted();
  }

  /** Which of a repository's blobs are manifests is remembered, so that what no manifest needs can be removed. */
  async markManifest(repository: string, digest: string, mediaType: string): Promise<void> {
    const folder = join(this.repositoryPath(repository), "manifests");
    await createDirectory(folder);
    await moveIntoPlace(await writeTemporary(folder, Buffer.from(mediaType)), join(folder, hexOf(digest)));
  }

  /** Media type of a manifest; undefined: the repository has no such manifest. */
  async manifestType(repository: string, digest: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.repositoryPath(repository), "manifests", hexOf(digest)), "utf8");
    } catch (error) {
      if (isSystemError(error, "ENOENT", "ENOTDIR")) return undefined;
      throw error;
    }
  }

  async deleteManifest(repository: string, digest: string): Promise<void> {
    const folder = this.repositoryPath(repository);
    await rm(join(folder, "manifests", hexOf(digest)), { force: true });
    for (const tag of await this.tags(repository))
      if ((await this.tag(repository, tag)) === digest) await rm(join(folder, "tags", tag), { force: true });
    await this.removeUnreferenced();
  }

  /** Removes blobs that no manifest of any repository needs. */
  private async removeUnreferenced(): Promise<void> {
    const needed = new Set<string>();
    const repositories = await readdir(join(this.folder, "repositories"));
    for (const repository of repositories) {
      for (const hex of await readdirOrNone(join(this.folder, "repositories", repository, "manifests"))) {
        if (hex.endsWith(".tmp")) continue;
        needed.add(hex);
        const text = await readFile(join(this.folder, "blobs", hex), "utf8");
        for (const [, digest = ""] of text.matchAll(/"sha256:([0-9a-f]{64})"/g)) needed.add(digest);
      }
    }
    for (const hex of await readdir(join(this.folder, "blobs"))) {
      const path = join(this.folder, "blobs", hex);
      const found = needed.has(hex) ? null : await statOrNull(path);
      if (found === null || found.mtimeMs > Date.now() - UNREFERENCED_LIFE_MS) continue;
      for (const repository of repositories) await rm(join(this.folder, "repositories", repository, "blobs", hex), { force: true });
      await rm(path, { force: true });
      this.bytes -= found.size;
    }
  }

  /** Bytes that an upload may still have. @throws RegistryError when the store is full. */
  private async room(written: number): Promise<number> {
    const { bavail, bsize } = await statfs(this.folder);
    const room = Math.min(MAX_BLOB_BYTES - written, this.maxBytes - this.bytes - written, bavail * bsize - SPARE_BYTES);
    if (room <= 0) throw new RegistryError("DENIED", "The registry is full.");
    return room;
  }

  private async link(repository: string, digest: string): Promise<void> {
    const path = this.linkPath(repository, digest);
    await createDirectory(dirname(path));
    await writeFile(path, "", { mode: 0o600 });
    await syncDirectory(dirname(path));
  }

  private blobPath(digest: string): string {
    return join(this.folder, "blobs", hexOf(digest));
  }

  /** A repository's name has slashes; its folder's does not. */
  private repositoryPath(repository: string): string {
    return join(this.folder, "repositories", repository.replaceAll("/", "!"));
  }

  private linkPath(repository: string, digest: string): string {
    return join(this.repositoryPath(repository), "blobs", hexOf(digest));
  }

  private uploadPath(id: string): string {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw new RegistryError("BLOB_UPLOAD_UNKNOWN", "There is no such upload.");
    return join(this.folder, "uploads", id);
  }
}

/** @throws RegistryError when it is not a SHA-256 digest, the only kind there is here. */
function hexOf(digest: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (hex === undefined) throw new RegistryError("DIGEST_INVALID", "The digest must be sha256: and 64 hexadecimal digits.");
  return hex;
}

function bounded(maxBytes: number) {
  return async function* (source: AsyncIterable<Buffer>) {
    let bytes = 0;
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new RegistryError("SIZE_INVALID", "The blob is too large.");
      yield chunk;
    }
  };
}

async function digestOf(source: Readable): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(source, hash);
  return `sha256:${hash.digest("hex")}`;
}

async function sync(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function statOrNull(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return (await statOrNull(path)) !== null;
}

async function readdirOrNone(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw error;
  }
}
