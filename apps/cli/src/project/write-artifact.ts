import { inspectBundle } from "@whs/artifact";
import {
  ARTIFACT_FILE,
  type ArtifactEntry,
  artifactId,
  type ArtifactManifest,
  formatArtifact,
  hasErrors,
  nodeFiles,
  payloadDigest,
  SCHEMA_VERSION,
  slugOf,
  validatePayload,
  writeAtomically,
} from "@whs/artifact/contract";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { UserError } from "../errors.ts";
import { version } from "../version.ts";
import { buildProject, type Bundle } from "./build-project.ts";
import type { Project } from "./read-project.ts";

/** Version of the API contract that a bundle of this program needs. */
const API_VERSION = "1.0";
const BUNDLE_FILE = /^bundle-[0-9a-f]{12}\.tar\.gz$/;

export interface ArtifactOptions {
  project: string;
  env: string;
  mode: "local" | "cloud" | undefined;
  /** Folder of the artifact. */
  out: string;
  /** When it was made; absent, the manifest does not say, so that the same sources give the same bytes. */
  generatedAt: Date | undefined;
  color: boolean;
}

export interface WrittenArtifact {
  file: string;
  entries: { id: string; agent: string; bundle: string; digest: string; sizeBytes: number }[];
  warnings: string[];
}

/**
 * Builds agents and writes them as one artifact, in the order given. A bundle's name holds its digest, and the manifest takes its
 * place last: whoever reads in the meantime sees the artifact as it was or as it is now. @throws UserError
 */
export async function writeArtifact(projects: readonly Project[], options: ArtifactOptions): Promise<WrittenArtifact> {
  const { out } = options;
  const built: { entry: ArtifactEntry; bundle: Bundle; project: Project }[] = [];
  for (const project of projects) {
    const bundle = await buildProject(project, options.color);
    built.push({ entry: await entryOf(project, bundle), bundle, project });
  }
  const manifest = manifestOf(built, options);
  const text = formatArtifact(manifest);
  for (const { entry, bundle } of built) await writeAtomically(path.join(out, entry.artifact_root, entry.bundle), bundle.archive);
  await requireRight(text, out);
  const file = path.join(out, ARTIFACT_FILE);
  await writeAtomically(file, text);
  const kept = new Set(built.map(({ entry }) => entry.bundle));
  for (const { entry } of built) await removeOthers(path.join(out, entry.artifact_root), kept);
  return {
    file,
    entries: built.map(({ entry, bundle }) => ({
      id: entry.id,
      agent: entry.agent,
      bundle: path.posix.join(entry.artifact_root, entry.bundle),
      digest: entry.payload.digest,
      sizeBytes: bundle.archive.length,
    })),
    warnings: built.flatMap(({ bundle }) => [...bundle.warnings]),
  };
}

function manifestOf(
  built: readonly { entry: ArtifactEntry; project: Project }[],
  { project, env, mode, generatedAt }: ArtifactOptions,
): ArtifactManifest {
  const needs = built.map(({ project: { manifest } }) => manifest);
  const capabilities = [
    ...(needs.some(({ capabilities: { streaming } }) => streaming) ? ["streaming"] : []),
    ...(needs.some(({ sessionful }) => sessionful) ? ["sessions"] : []),
  ];
  return {
    schema_version: SCHEMA_VERSION,
    project,
    env,
    ...(mode === undefined ? {} : { mode }),
    ...(generatedAt === undefined ? {} : { generated_at: generatedAt.toISOString() }),
    generator: { name: "whs", version },
    runtime_stack: {
      api_version: API_VERSION,
      ...(mode === undefined ? {} : { mode }),
      ...(capabilities.length === 0 ? {} : { capabilities }),
    },
    artifacts: built.map(({ entry }) => entry),
  };
}

async function entryOf(project: Project, bundle: Bundle): Promise<ArtifactEntry> {
  const { manifest, folder, file } = project;
  const agent = manifest.name ?? path.basename(folder);
  const inspected = await inspectBundle(bundle.archive);
  if (!inspected.ok)
    throw new UserError(`The bundle of ${agent} is not right.`, { details: inspected.findings.map(({ message }) => message) });
  const files = inspected.files
    .map(({ path: name, sha256, size }) => ({ path: name, sha256, size }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const digest = payloadDigest(files);
  const template = { path: templatePath(file), sha256: createHash("sha256").update(readFileSync(file)).digest("hex") };
  return {
    id: artifactId(agent, template),
    agent,
    artifact_root: `./${slugOf(agent)}`,
    bundle: `bundle-${digest.slice("sha256:".length).slice(0, 12)}.tar.gz`,
    payload: { digest, files },
    required_secret_env: [...manifest.env.requiredKeys],
    source_template: template,
  };
}

/** From where the command runs, so that it is the same on every machine; elsewhere only its folder's name is told. */
function templatePath(file: string): string {
  const way = path.relative(".", file).split(path.sep).join("/");
  return way.startsWith("../") || path.isAbsolute(way) ? `${path.basename(path.dirname(file))}/${path.basename(file)}` : way;
}

/** What this program makes passes its own contract, or it does not make it. */
async function requireRight(text: string, out: string): Promise<void> {
  const { findings } = await validatePayload(nodeFiles, Buffer.from(text), path.resolve(out));
  if (!hasErrors(findings)) return;
  throw new UserError("The artifact would not pass its own contract:", {
    code: "INVALID_REQUEST",
    details: findings.map(({ code, path: at, message }) => `${code}  ${at}  ${message}`),
  });
}

/** Bundles of earlier builds. */
async function removeOthers(folder: string, kept: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) if (BUNDLE_FILE.test(name) && !kept.has(name)) await rm(path.join(folder, name));
}
