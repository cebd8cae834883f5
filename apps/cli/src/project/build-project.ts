import { BUNDLE_LIMITS, createBundleArchive, formatBytes, MANIFEST_FILE } from "@whs/artifact";
import { createHash } from "node:crypto";
import path from "node:path";
import { UserError } from "../errors.ts";
import { type BundledFile, bundleModules, ENTRYPOINT } from "./bundle-modules.ts";
import { findIgnored } from "./ignored-files.ts";
import type { Project } from "./read-project.ts";

/** A project as it is uploaded. The same sources give the same bytes. */
export interface Bundle {
  /** `.tar.gz`. */
  archive: Uint8Array;
  /** SHA-256 of the archive. */
  digest: Buffer;
  files: readonly BundledFile[];
  /** Where the entrypoint's bytes come from, largest first: the project itself, or a package. */
  origins: readonly { name: string; bytes: number }[];
  warnings: readonly string[];
  /** Absolute paths of the sources that went in. */
  inputs: readonly string[];
}

/** @throws UserError when the project cannot be bundled, or holds what must not leave this machine. */
export async function buildProject(project: Project, color = false): Promise<Bundle> {
  const { files, exports, sources, warnings } = await bundleModules(project, color);
  refuseIgnored(
    project,
    sources.map((source) => source.path),
  );
  requireAgent(project, exports);
  const manifest: BundledFile = { path: MANIFEST_FILE, bytes: Buffer.from(bundledManifest(project)) };
  const all = [manifest, ...files];
  const archive = await createBundleArchive(all);
  if (archive.length > BUNDLE_LIMITS.maxCompressedBytes) {
    throw new UserError(`The bundle has ${formatBytes(archive.length)}; the limit is ${formatBytes(BUNDLE_LIMITS.maxCompressedBytes)}.`, {
      details: originsOf(sources)
        .slice(0, 5)
        .map(({ name, bytes }) => `${formatBytes(bytes)}  ${name}`),
    });
  }
  return {
    archive,
    digest: createHash("sha256").update(archive).digest(),
    files: all,
    origins: originsOf(sources),
    warnings,
    inputs: inputsOf(project, sources),
  };
}

/** `sha256:…`, as the API writes it. */
export function checksumOf({ digest }: Bundle): string {
  return `sha256:${digest.toString("hex")}`;
}

/** The author's manifest, but with the bundled entrypoint; the editor's schema stays at home. */
function bundledManifest({ written }: Project): string {
  const { $schema: _schema, ...manifest } = written;
  return `${JSON.stringify({ ...manifest, entrypoint: ENTRYPOINT }, null, 2)}\n`;
}

function refuseIgnored({ folder }: Project, sources: readonly string[]): void {
  const own = sources.filter((name) => !/^(?:\.\.|node_modules)\/|\/node_modules\/|:/.test(name));
  const ignored = findIgnored(folder, own);
  if (ignored.length === 0) return;
  throw new UserError("The agent imports files that must not be bundled:", {
    details: ignored,
    next: ["whs secrets set <agent> KEY", "or change .whsignore"],
  });
}

/** The runtime finds the agent by these names; better to say so before the upload. */
function requireAgent({ manifest }: Project, exports: readonly string[]): void {
  if (exports.some((name) => name === "default" || name === "invoke" || name === "fetch")) return;
  throw new UserError(`${manifest.entrypoint} exports no agent. It exports ${exports.length === 0 ? "nothing" : exports.join(", ")}.`, {
    details: ["export default { async invoke({ messages }) { … } };"],
  });
}

/** Without those that are no files: what plugins make, and what is generated. */
function inputsOf({ folder }: Project, sources: readonly { path: string }[]): string[] {
  return sources.filter(({ path: name }) => !name.includes(":")).map(({ path: name }) => path.resolve(folder, name));
}

function originsOf(sources: readonly { path: string; bytes: number }[]): { name: string; bytes: number }[] {
  const sizes = new Map<string, number>();
  for (const { path: file, bytes } of sources) {
    const name =
      /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(file)?.[1] ??
      (file.startsWith("whs-agent:") ? "@whs/agent" : "your code");
    sizes.set(name, (sizes.get(name) ?? 0) + bytes);
  }
  return [...sizes]
    .map(([name, bytes]) => ({ name, bytes }))
    .filter(({ bytes }) => bytes > 0)
    .toSorted((a, b) => b.bytes - a.bytes);
}
