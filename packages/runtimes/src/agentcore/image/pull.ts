import type { Architecture, ImageLayer } from "./image.ts";
import type { Descriptor } from "./layer.ts";
import type { Registry } from "./registry.ts";

/** An image in a registry. */
export interface ImageReference {
  registry: Registry;
  repository: string;
  /** Tag or digest. */
  reference: string;
}
export interface PulledManifest {
  layers: readonly ImageLayer[];
  env: readonly string[];
}

const MAX_CONFIG_BYTES = 1024 * 1024;

interface Manifest {
  config: Descriptor;
  layers: readonly Descriptor[];
}
interface Index {
  manifests: readonly (Descriptor & { platform?: { os: string; architecture: string } })[];
}
interface Configuration {
  config?: { Env?: readonly string[] };
  rootfs: { diff_ids: readonly string[] };
}

/** What an image for one machine consists of; an index is followed to it. @throws RegistryError, or Error when it has none. */
export async function pullManifest(image: ImageReference, architecture: Architecture): Promise<PulledManifest> {
  const { registry, repository } = image;
  let { bytes, isIndex } = await registry.manifest(repository, image.reference);
  if (isIndex) {
    const index = JSON.parse(bytes.toString("utf8")) as Index;
    const found = index.manifests.find(({ platform }) => platform?.os === "linux" && platform.architecture === architecture);
    if (found === undefined) throw new Error(`The image ${repository}:${image.reference} has nothing for linux/${architecture}.`);
    ({ bytes, isIndex } = await registry.manifest(repository, found.digest));
  }
  const manifest = JSON.parse(bytes.toString("utf8")) as Manifest;
  const config = JSON.parse((await registry.blob(repository, manifest.config, MAX_CONFIG_BYTES)).toString("utf8")) as Configuration;
  return {
    env: config.config?.Env ?? [],
    layers: manifest.layers.map(({ mediaType, digest, size }, index) => ({
      // Docker's name for the same bytes; a manifest of one kind does not name layers of the other.
      mediaType: mediaType.replace("application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.oci.image.layer.v1.tar+gzip"),
      digest,
      size,
      diffId: config.rootfs.diff_ids[index] ?? "",
    })),
  };
}
