import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { BaseImage } from "./base.ts";
import { composeImage, type Execution, type Image } from "./image.ts";
import { type Layer, sha256 } from "./layer.ts";
import type { Registry } from "./registry.ts";

export interface Target {
  registry: Registry;
  repository: string;
}

/** Sends an image made of a base and one layer on top; what the registry has already is not sent again. */
export async function publishImage(
  target: Target,
  base: BaseImage,
  app: Layer,
  execution: Execution,
  tag: string,
): Promise<{ image: Image; sent: { digest: string; outcome: "exists" | "mounted" | "pushed" }[] }> {
  const { registry, repository } = target;
  const image = composeImage([...base.layers, app], base.architecture, execution);
  const mountFrom = base.origin?.registry.origin === registry.origin ? base.origin.repository : undefined;
  const config = { mediaType: "", digest: sha256(image.config), size: image.config.length };
  const sent = [];
  for (const layer of base.layers) sent.push({ digest: layer.digest, outcome: await registry.pushBlob(repository, layer, mountFrom) });
  const file = { ...app, open: (start: number) => Promise.resolve(createReadStream(app.file, { start })) };
  sent.push({ digest: app.digest, outcome: await registry.pushBlob(repository, file) });
  await registry.pushBlob(repository, { ...config, open: (offset) => Promise.resolve(Readable.from([image.config.subarray(offset)])) });
  await registry.pushManifest(repository, tag, image.manifest);
  return { image, sent };
}
