/** Images on this machine: pulled by digest, unpacked once, each root read-only and named after its manifest. */
import { createHash } from "node:crypto";
import { arch } from "node:os";
import { readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { createDirectory, isSystemError, moveIntoPlace, temporaryPath, writeTemporary } from "@whs/platform/durable-files";
import { Registry, RegistryError } from "@whs/runtimes/agentcore-image";
import { z } from "zod";
import { AwsError } from "../http/aws-error.ts";
import type { Credentials } from "../http/sigv4.ts";
import { composeRoot } from "./compose-root.ts";
import { type ImageReference, parseReference } from "./reference.ts";
import { unpackLayer } from "./unpack-layer.ts";

/** What runs in an image, from its configuration. */
export interface UnpackedImage {
  /** The root's directory. */
  root: string;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  workingDirectory: string;
}

/** OCI's name for this machine's processor. */
export const ARCHITECTURE = arch() === "x64" ? "amd64" : arch();
/** As AWS: an image has at most 2 GB. */
const LIMITS = { bytes: 2 * 1024 * 1024 * 1024, entries: 200_000 };
const MAX_LAYERS = 127;
const MAX_CONFIG_BYTES = 1024 * 1024;

const descriptor = z.object({
  mediaType: z.string().max(200).default(""),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.int().min(0),
});
const indexSchema = z.object({
  manifests: z.array(descriptor.extend({ platform: z.object({ os: z.string(), architecture: z.string() }).optional() })).max(1000),
});
const manifestSchema = z.object({ config: descriptor, layers: z.array(descriptor).max(MAX_LAYERS) });
const configSchema = z.object({
  os: z.string().default("linux"),
  architecture: z.string(),
  config: z
    .object({
      Env: z.array(z.string()).nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      WorkingDir: z.string().nullish(),
    })
    .default({}),
  rootfs: z.object({ diff_ids: z.array(z.string()) }),
});
const recordSchema = z.object({
  layers: z.array(z.string()),
  argv: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  workingDirectory: z.string(),
});

export class ImageStore {
  private readonly folder: string;
  /** Hosts by which this service itself is called, and where it really is. */
  private readonly own: () => { hosts: ReadonlySet<string>; origin: string };
  private readonly credentials: Credentials;
  /** One of each at a time. */
  private readonly preparing = new Map<string, Promise<void>>();

  private constructor(folder: string, credentials: Credentials, own: () => { hosts: ReadonlySet<string>; origin: string }) {
    this.folder = folder;
    this.credentials = credentials;
    this.own = own;
  }

  static async open(
    folder: string,
    credentials: Credentials,
    own: () => { hosts: ReadonlySet<string>; origin: string },
  ): Promise<ImageStore> {
    const store = new ImageStore(folder, credentials, own);
    for (const part of ["layers", "roots", "unfinished"]) await createDirectory(join(folder, part));
    for (const name of await readdir(join(folder, "unfinished")))
      await rm(join(folder, "unfinished", name), { recursive: true, force: true });
    return store;
  }

  /** @returns the digest of the manifest for this platform. @throws AwsError that says what is wrong with the image. */
  async prepare(containerUri: string): Promise<string> {
    const reference = parseReference(containerUri);
    const registry = this.registryOf(reference);
    try {
      const { digest, bytes } = await this.manifestOf(registry, reference);
      const running = this.preparing.get(digest) ?? this.unpack(registry, reference.repository, digest, bytes);
      this.preparing.set(digest, running);
      await running.finally(() => this.preparing.delete(digest));
      return digest;
    } catch (error) {
      throw explained(error, containerUri);
    }
  }

  /** @throws Error when it was not prepared. */
  async get(digest: string): Promise<UnpackedImage> {
    const record = await this.record(digest);
    if (record === null) throw new Error(`The image ${digest} is not unpacked.`);
    const { argv, env, workingDirectory } = record;
    return { root: this.path("roots", digest), argv, env, workingDirectory };
  }

  async keepOnly(digests: ReadonlySet<string>): Promise<void> {
    if (this.preparing.size > 0) return;
    const layers = new Set<string>();
    for (const digest of digests) for (const layer of (await this.record(digest))?.layers ?? []) layers.add(fileName(layer));
    const images = new Set([...digests].map(fileName));
    for (const name of await readdir(join(this.folder, "roots"))) {
      if (images.has(name.replace(/\.json$/, ""))) continue;
      await rm(join(this.folder, "roots", name), { recursive: true, force: true });
    }
    for (const name of await readdir(join(this.folder, "layers")))
      if (!layers.has(name)) await rm(join(this.folder, "layers", name), { recursive: true, force: true });
  }

  private registryOf({ host }: ImageReference): Registry {
    const { hosts, origin } = this.own();
    if (!hosts.has(host))
      return new Registry({ origin: `${/^(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?$/.test(host) ? "http" : "https"}://${host}` });
    const { accessKeyId, secretAccessKey } = this.credentials;
    return new Registry({ origin, credentials: () => Promise.resolve({ username: accessKeyId, password: secretAccessKey }) });
  }

  private async manifestOf(registry: Registry, { repository, reference }: ImageReference): Promise<{ digest: string; bytes: Buffer }> {
    const first = await registry.manifest(repository, reference);
    if (!first.isIndex) return { digest: sha256(first.bytes), bytes: first.bytes };
    const { manifests } = indexSchema.parse(JSON.parse(first.bytes.toString("utf8")));
    const found = manifests.find(({ platform }) => platform?.os === "linux" && platform.architecture === ARCHITECTURE);
    if (found === undefined)
      throw new AwsError("ValidationException", `The image has nothing for linux/${ARCHITECTURE}, which this machine is.`);
    const { bytes } = await registry.manifest(repository, found.digest);
    return { digest: found.digest, bytes };
  }

  private async unpack(registry: Registry, repository: string, digest: string, bytes: Buffer): Promise<void> {
    if ((await this.record(digest)) !== null) return;
    const manifest = manifestSchema.parse(JSON.parse(bytes.toString("utf8")));
    const config = configSchema.parse(JSON.parse((await registry.blob(repository, manifest.config, MAX_CONFIG_BYTES)).toString("utf8")));
    if (config.os !== "linux" || config.architecture !== ARCHITECTURE)
      throw new AwsError(
        "ValidationException",
        `The image is for ${config.os}/${config.architecture}, and this machine is linux/${ARCHITECTURE}.`,
      );
    const argv = [...(config.config.Entrypoint ?? []), ...(config.config.Cmd ?? [])];
    if (argv.length === 0) throw new AwsError("ValidationException", "The image has neither an entrypoint nor a command.");
    const layers: string[] = [];
    for (const [index, layer] of manifest.layers.entries()) {
      await this.layer(registry, repository, layer, config.rootfs.diff_ids[index] ?? "");
      layers.push(layer.digest);
    }
    const unfinished = temporaryPath(join(this.folder, "unfinished"));
    await composeRoot(
      layers.map((layer) => this.path("layers", layer)),
      unfinished,
    );
    await rm(this.path("roots", digest), { recursive: true, force: true });
    await rename(unfinished, this.path("roots", digest));
    const record = { layers, argv, env: environmentOf(config.config.Env ?? []), workingDirectory: config.config.WorkingDir || "/" };
    // Written last: a root without its record is not finished.
    const written = await writeTemporary(join(this.folder, "unfinished"), Buffer.from(JSON.stringify(record)));
    await moveIntoPlace(written, `${this.path("roots", digest)}.json`);
  }

  private async layer(registry: Registry, repository: string, layer: z.output<typeof descriptor>, diffId: string): Promise<void> {
    const target = this.path("layers", layer.digest);
    if (await isDirectory(target)) return;
    const unfinished = temporaryPath(join(this.folder, "unfinished"));
    await createDirectory(unfinished);
    try {
      const digest = await unpackLayer(await registry.openBlob(repository, layer), layer.mediaType, unfinished, LIMITS);
      if (digest !== diffId)
        throw new AwsError("ValidationException", `The layer ${layer.digest} does not have the digest that the image says.`);
      await rename(unfinished, target);
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true });
      // Another image brought the same layer meanwhile.
      if (isSystemError(error, "ENOTEMPTY", "EEXIST")) return;
      throw error;
    }
  }

  private async record(digest: string): Promise<z.output<typeof recordSchema> | null> {
    try {
      return recordSchema.parse(JSON.parse(await readFile(`${this.path("roots", digest)}.json`, "utf8")));
    } catch (error) {
      if (isSystemError(error, "ENOENT")) return null;
      throw error;
    }
  }

  private path(kind: "layers" | "roots", digest: string): string {
    return join(this.folder, kind, fileName(digest));
  }
}

function fileName(digest: string): string {
  return digest.replace("sha256:", "");
}

function environmentOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]));
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    await readdir(path);
    return true;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return false;
    throw error;
  }
}

function explained(error: unknown, containerUri: string): unknown {
  if (error instanceof RegistryError)
    return new AwsError("ValidationException", `The image ${containerUri} cannot be pulled: ${error.message}`, { cause: error });
  if (error instanceof z.ZodError || error instanceof SyntaxError)
    return new AwsError("ValidationException", `The image ${containerUri} has a manifest or configuration that is not valid.`, {
      cause: error,
    });
  return error;
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
