import { createHash } from "node:crypto";
import type { AgentManifest } from "../manifest.ts";
import { MANIFEST_FILE, MAX_MANIFEST_BYTES, parseManifest } from "../parse-manifest.ts";
import type { ArtifactFiles } from "./files.ts";
import { finding, shown, type Finding } from "./finding.ts";
import { parseArtifact } from "./parse-artifact.ts";
import { readBundle, type BundleItem } from "./read-bundle.ts";
import type { ArtifactEntry, ArtifactManifest, PayloadFile } from "./schema.ts";
import { secretFileKind, SecretScan } from "./secret-policy.ts";

export interface ValidatedArtifact {
  /** Absent when there is nothing to work with. */
  manifest?: ArtifactManifest;
  /** The agents' own manifests, in the order of the entries; undefined where one cannot be read. */
  agents: (AgentManifest | undefined)[];
  findings: Finding[];
}

export interface ValidateOptions {
  /** Files of bundles that may look like secrets, by their path in the bundle. */
  allowFiles?: readonly string[];
  /** Called before an entry's files are read. */
  onEntry?: (entry: ArtifactEntry, index: number) => void;
}

/**
 * The payload contract: whether the manifest and the files that it names are complete, untampered and applicable. Offline, and of
 * nothing but the manifest's bytes and the files. `folder`: where the manifest lies. @throws the file system's errors
 */
export async function validatePayload(
  files: ArtifactFiles,
  bytes: Uint8Array,
  folder: string,
  options: ValidateOptions = {},
): Promise<ValidatedArtifact> {
  const { manifest, findings } = parseArtifact(bytes);
  if (manifest === undefined) return { agents: [], findings };
  const agents: (AgentManifest | undefined)[] = [];
  for (const [index, entry] of manifest.artifacts.entries()) {
    options.onEntry?.(entry, index);
    const checked = await checkEntry(files, entry, {
      path: `artifacts[${index}]`,
      folder,
      allowFiles: options.allowFiles ?? [],
      told: new Set(findings.map((found) => found.path)),
    });
    findings.push(...checked.findings);
    agents.push(checked.agent);
  }
  return { manifest, agents, findings };
}

interface EntryContext {
  path: string;
  folder: string;
  allowFiles: readonly string[];
  /** Places of the manifest that are wrong already. */
  told: ReadonlySet<string>;
}

async function checkEntry(
  files: ArtifactFiles,
  entry: ArtifactEntry,
  context: EntryContext,
): Promise<{ agent?: AgentManifest; findings: Finding[] }> {
  const { path, folder, allowFiles, told } = context;
  const listed = new Map(entry.payload.files.map((file) => [file.path, file]));
  const found = new Set<string>();
  const findings: Finding[] = [];
  let config: Uint8Array | undefined;
  let isWhole = true;
  for await (const item of readBundle(files, entry, { path, folder })) {
    if ("finding" in item) {
      findings.push(item.finding);
      // What is wrong with a place below is told; what is wrong with the bundle itself hides what it holds.
      if (!item.finding.path.includes(":")) isWhole = false;
      else found.add(item.finding.path.slice(item.finding.path.indexOf(":") + 1));
      continue;
    }
    const examined = await examine(item.file, {
      mayLookSecret: allowFiles.includes(item.file.path),
      path: `${path}.bundle:${item.file.path}`,
    });
    found.add(examined.file.path);
    findings.push(...compare(listed.get(examined.file.path), examined.file, `${path}.bundle:${examined.file.path}`), ...examined.findings);
    if (examined.config !== undefined) config = examined.config;
  }
  if (!isWhole) return { findings: findings.filter((problem) => !problem.path.includes(":")) };
  entry.payload.files.forEach((file, index) => {
    if (found.has(file.path) || told.has(`${path}.payload.files[${index}].path`)) return;
    findings.push(
      finding("PAYLOAD_FILE_MISSING", {
        path: `${path}.payload.files[${index}]`,
        message: `${shown(file.path)} is listed, but not in the bundle.`,
      }),
    );
  });
  const checked = checkAgent(config, found, entry, path);
  // A listed manifest that is missing has been told already.
  if (config === undefined && listed.has(MANIFEST_FILE)) return { findings };
  return { ...(checked.agent === undefined ? {} : { agent: checked.agent }), findings: [...findings, ...checked.findings] };
}

type BundledFile = Extract<BundleItem, { file: unknown }>["file"];

async function examine(
  bundled: BundledFile,
  { mayLookSecret, path }: { mayLookSecret: boolean; path: string },
): Promise<{ file: PayloadFile; findings: Finding[]; config?: Uint8Array }> {
  const name = bundled.path;
  const hash = createHash("sha256");
  const scan = new SecretScan();
  const kept: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bundled.content()) {
    hash.update(chunk);
    scan.add(chunk);
    size += chunk.length;
    if (name === MANIFEST_FILE && size <= MAX_MANIFEST_BYTES + chunk.length) kept.push(chunk);
  }
  const file = { path: name, sha256: hash.digest("hex"), size };
  const findings: Finding[] = [];
  const nameKind = secretFileKind(name);
  if (!mayLookSecret && nameKind !== null)
    findings.push(finding("PAYLOAD_SECRET_FILE", { path, message: `${shown(name)} is a file for secrets by its name (${nameKind}).` }));
  else if (!mayLookSecret && scan.kind !== null)
    findings.push(finding("PAYLOAD_SECRET_CONTENT", { path, message: `${shown(name)} holds what looks like ${scan.kind}.` }));
  return name === MANIFEST_FILE ? { file, findings, config: Buffer.concat(kept) } : { file, findings };
}

function compare(listed: PayloadFile | undefined, actual: PayloadFile, path: string): Finding[] {
  const name = shown(actual.path);
  if (listed === undefined)
    return [finding("PAYLOAD_FILE_UNLISTED", { path, message: `${name} is in the bundle, but not listed in payload.files.` })];
  if (listed.sha256 !== actual.sha256)
    return [finding("PAYLOAD_DIGEST_MISMATCH", { path, message: `The SHA-256 of ${name} is ${actual.sha256}, not ${listed.sha256}.` })];
  if (listed.size !== actual.size)
    return [finding("PAYLOAD_SIZE_MISMATCH", { path, message: `${name} has ${actual.size} bytes, not ${listed.size}.` })];
  return [];
}

function checkAgent(
  bytes: Uint8Array | undefined,
  found: ReadonlySet<string>,
  entry: ArtifactEntry,
  path: string,
): { agent?: AgentManifest; findings: Finding[] } {
  if (bytes === undefined)
    return {
      findings: [
        finding("PAYLOAD_AGENT_CONFIG_MISSING", { path: `${path}.bundle`, message: `The bundle has no ${MANIFEST_FILE} at its root.` }),
      ],
    };
  const at = `${path}.bundle:${MANIFEST_FILE}`;
  const parsed = parseManifest(bytes);
  if (!parsed.ok) {
    const [first] = parsed.findings;
    const where = first?.line === undefined ? "" : ` (line ${first.line})`;
    const message = `${MANIFEST_FILE} is not right: ${first?.field === undefined ? "it" : first.field} ${first?.message ?? ""}${where}.`;
    return { findings: [finding("PAYLOAD_AGENT_CONFIG_INVALID", { path: at, message })] };
  }
  const { manifest } = parsed;
  const findings: Finding[] = [];
  if (!found.has(manifest.entrypoint))
    findings.push(
      finding("PAYLOAD_ENTRYPOINT_MISSING", { path: at, message: `The entrypoint ${shown(manifest.entrypoint)} is not in the bundle.` }),
    );
  const declared = new Set(entry.required_secret_env);
  for (const key of manifest.env.requiredKeys) {
    if (declared.has(key)) continue;
    findings.push(
      finding("PAYLOAD_SECRET_NOT_DECLARED", {
        path: `${path}.required_secret_env`,
        message: `${MANIFEST_FILE} requires ${key}, which is not listed.`,
      }),
    );
  }
  return { agent: manifest, findings };
}
