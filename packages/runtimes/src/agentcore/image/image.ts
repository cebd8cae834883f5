import type { Descriptor } from "./layer.ts";
import { sha256 } from "./layer.ts";

export type Architecture = "amd64" | "arm64";

export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";

/** How a container of the image starts. */
export interface Execution {
  entrypoint: readonly string[];
  env: readonly string[];
  workingDir: string;
  user: string;
  ports: readonly number[];
}
export interface ImageLayer extends Descriptor {
  diffId: string;
}
export interface Image {
  config: Buffer;
  manifest: Buffer;
  /** `sha256:…` of the manifest: the image's identity. */
  digest: string;
}

/** The same layers, architecture and execution give the same bytes, on any machine, at any time. */
export function composeImage(layers: readonly ImageLayer[], architecture: Architecture, execution: Execution): Image {
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: "linux",
      config: {
        Entrypoint: execution.entrypoint,
        Env: execution.env,
        WorkingDir: execution.workingDir,
        User: execution.user,
        ExposedPorts: Object.fromEntries(execution.ports.map((port) => [`${port}/tcp`, {}])),
      },
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: { mediaType: CONFIG_TYPE, digest: sha256(config), size: config.length },
      layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    }),
  );
  return { config, manifest, digest: sha256(manifest) };
}
