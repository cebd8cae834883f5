import { rm } from "node:fs/promises";
import path from "node:path";
import { type BuiltBundle, ProviderError } from "../port.ts";
import { type BaseImage, baseFromRegistry, buildBase } from "./image/base.ts";
import type { Execution } from "./image/image.ts";
import { writeLayer } from "./image/layer.ts";
import { publishImage } from "./image/publish.ts";
import { Registry } from "./image/registry.ts";
import type { TarEntry } from "./image/tar.ts";
import type { ImageOptions } from "./options.ts";
import {
  AGENT_FOLDER,
  type AgentDescription,
  CONTAINER_PORT,
  DESCRIPTION_FILE,
  IMAGE_ROOT,
  PROXY_LATER,
  PROXY_VARIABLE,
  WRAPPER_FILE,
} from "./protocol.ts";
import { assembleWrapper } from "./wrapper/assemble.ts";

export interface AgentImage {
  /** By digest, as AgentCore is told. */
  uri: string;
  digest: string;
  /** Which layer holds the agent. */
  buildId: string;
}

/** Makes agents' images and sends them to the registry. Base and wrapper are made once. */
export class AgentImages {
  private readonly options: ImageOptions;
  private readonly registry: Registry;
  private base: Promise<BaseImage> | null = null;
  private wrapper: Promise<string> | null = null;

  constructor(options: ImageOptions) {
    this.options = options;
    this.registry = new Registry({ origin: options.registry, credentials: options.credentials });
  }

  /** The same bundle gives the same image, whoever makes it and when. @throws RegistryError */
  async publish(bundle: BuiltBundle, sessionful: boolean, tag: string): Promise<AgentImage> {
    const base = await this.openBase();
    const layer = await writeLayer(await this.agentFiles(bundle, sessionful), path.join(this.options.cacheDirectory, "layers"));
    try {
      const { repository } = this.options;
      const { image } = await publishImage({ registry: this.registry, repository }, base, layer, executionOf(base), tag);
      const uri = `${new URL(this.options.registry).host}/${repository}@${image.digest}`;
      return { uri, digest: image.digest, buildId: layer.diffId };
    } finally {
      await rm(layer.file, { force: true });
    }
  }

  private openBase(): Promise<BaseImage> {
    this.base ??= this.makeBase();
    this.base.catch(() => (this.base = null));
    return this.base;
  }

  private async makeBase(): Promise<BaseImage> {
    const { base, architecture, cacheDirectory } = this.options;
    if (base.kind === "registry")
      return baseFromRegistry({ reference: this.referenceOf(base.image), architecture, nodePath: base.nodePath });
    const built = await buildBase({ ...base, cacheDirectory: path.join(cacheDirectory, "base") });
    if (built.architecture !== architecture)
      throw new ProviderError("invalid", `The Node binary for agents is for linux/${built.architecture}, not for linux/${architecture}.`);
    return built;
  }

  /** `host/repository:tag` or `host/repository@sha256:…`; our own credentials go to our own registry alone. */
  private referenceOf(image: string) {
    const match = /^([^/]+)\/(.+?)(?:@(sha256:[0-9a-f]{64})|:([\w.-]{1,128}))?$/.exec(image);
    if (match === null) throw new ProviderError("invalid", `The base image "${image}" is not like registry.example.com/name:tag.`);
    const [, host = "", repository = "", digest, tag = "latest"] = match;
    const own = new URL(this.options.registry);
    const registry = host === own.host ? this.registry : new Registry({ origin: `https://${host}` });
    return { registry, repository, reference: digest ?? tag };
  }

  private async agentFiles(bundle: BuiltBundle, sessionful: boolean): Promise<TarEntry[]> {
    this.wrapper ??= assembleWrapper();
    const description: AgentDescription = {
      mainModule: bundle.mainModule,
      modules: Object.fromEntries(
        Object.entries(bundle.modules)
          .toSorted()
          .map(([name, { type }]) => [name, type]),
      ),
      sessionful,
    };
    return [
      file(WRAPPER_FILE, Buffer.from(await this.wrapper)),
      file(DESCRIPTION_FILE, Buffer.from(JSON.stringify(description))),
      ...Object.entries(bundle.modules).map(([name, module]) =>
        file(`${AGENT_FOLDER}/${checkedName(name)}`, "base64" in module ? Buffer.from(module.base64, "base64") : Buffer.from(module.text)),
      ),
    ];
  }
}

function file(name: string, content: Buffer): TarEntry {
  return { path: `${IMAGE_ROOT}/${name}`, type: "file", mode: 0o644, content };
}

/** Names were checked when the bundle was read; here they become paths. */
function checkedName(name: string): string {
  const isPlain = name !== "" && !name.includes("\0") && name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (!isPlain) throw new ProviderError("invalid", `The bundle's module name "${name}" is not a path within it.`, { reached: false });
  return name;
}

function executionOf(base: BaseImage): Execution {
  return {
    entrypoint: [base.nodePath, "--disable-warning=ExperimentalWarning", `/${IMAGE_ROOT}/${WRAPPER_FILE}`],
    // Where the platform gives a proxy, Node's clients go through it; a Node that we do not know may not be able to do so later.
    env: [...base.env, `${PROXY_VARIABLE}=${base.origin === undefined ? PROXY_LATER : "1"}`, "HOME=/tmp"],
    workingDir: `/${IMAGE_ROOT}`,
    user: "65534:65534",
    ports: [CONTAINER_PORT],
  };
}
