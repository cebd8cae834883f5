import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { agentManifestSchema, type AgentManifest } from "@whs/artifact";
import { buildBundle, BundleBuildError, openBuildSandbox, type BuildInput } from "../build-bundle.ts";

/** A symbolic link in the bundle. */
interface Link {
  link: string;
}
export type Files = Readonly<Record<string, string | Uint8Array | Link>>;

export const sandbox = await openBuildSandbox();
export const plain = await openBuildSandbox({ bubblewrap: null });

/** The ways of building that this machine has; every guarantee holds for each. */
export const places = [
  { kind: "in the sandbox", current: sandbox, other: plain },
  { kind: "without a sandbox", current: plain, other: sandbox },
].filter(({ kind }) => sandbox.sandboxed || kind !== "in the sandbox");

/** Stands in files beside the bundle, which no bundle may read. */
export const SECRET = "sentinel-4f1c9a";

/** A directory with a bundle, and with secrets around it. */
export interface BundleFolder {
  path: string;
  extractedDir: string;
  place(files: Files): Promise<void>;
  build(files: Files, input?: Partial<BuildInput>): ReturnType<typeof buildBundle>;
  /** @throws whatever is no BundleBuildError. */
  refusal(files: Files, input?: Partial<BuildInput>): Promise<BundleBuildError>;
  remove(): Promise<void>;
}

export async function createBundleFolder(): Promise<BundleFolder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "whs-bundling-")));
  const extractedDir = join(path, "bundle");
  await writeFile(join(path, "secret.txt"), SECRET);
  await writeFile(join(path, "secret.json"), JSON.stringify({ compilerOptions: { target: "es2022" }, secret: SECRET }));
  await writeFile(join(path, "secret.js"), `export default ${SECRET} ${SECRET}`);
  const build: BundleFolder["build"] = async (files, input = {}) => {
    await place(extractedDir, files);
    return buildBundle({ extractedDir, manifest: manifest(), checksum: "sha256:abc", timeoutMs: 20_000, sandbox, ...input });
  };
  const refusal: BundleFolder["refusal"] = async (files, input) => {
    try {
      await build(files, input);
    } catch (error) {
      if (error instanceof BundleBuildError) return error;
      throw error;
    }
    throw new Error("the bundle was built");
  };
  return { path, extractedDir, place: (files) => place(extractedDir, files), build, refusal, remove: () => rm(path, { recursive: true }) };
}

async function place(directory: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const target = join(directory, path);
    await mkdir(dirname(target), { recursive: true });
    if (typeof content === "object" && "link" in content) await symlink(content.link, target);
    else await writeFile(target, content);
  }
}

export function manifest(runtime: AgentManifest["runtime"] = "cloudflare"): AgentManifest {
  return agentManifestSchema.parse({ protocol: "invoke/v1", runtime, entrypoint: "src/agent.ts" });
}

export const agent = "export default { invoke() {} };";

/** An agent whose first line imports `specifier`; the specifier begins in column 19. */
export function importing(specifier: string, attributes = "") {
  return { "src/agent.ts": `import value from ${JSON.stringify(specifier)}${attributes};\nexport default { invoke: () => value };` };
}
