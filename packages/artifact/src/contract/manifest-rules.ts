/** The rules of a manifest that its schema cannot say: pure, of the manifest alone. */
import { envKeySchema } from "../manifest.ts";
import { checkPath, foldPath } from "../paths.ts";
import { payloadDigest } from "./digest.ts";
import { finding, shown, type Finding } from "./finding.ts";
import { artifactId, slugOf } from "./identity.ts";
import type { ArtifactEntry, ArtifactManifest } from "./schema.ts";

/** Path under which an artifact would bring a base of its own. */
const RUNTIME_BASE = "runtime-base";

export function checkManifestRules(manifest: ArtifactManifest): Finding[] {
  const { mode, runtime_stack: stack, artifacts } = manifest;
  const findings: Finding[] = [];
  if (mode !== undefined && stack?.mode !== undefined && mode !== stack.mode) {
    const message = `mode is ${mode}, but runtime_stack.mode is ${stack.mode}.`;
    findings.push(finding("PAYLOAD_MODE_CONFLICT", { path: "mode", message }));
  }
  findings.push(...repeated(artifacts.map(({ agent }) => agent)).map((index) => duplicateAgent(artifacts, index)));
  const uniqueAgents = artifacts.filter(({ agent }, index) => artifacts.findIndex((other) => other.agent === agent) === index);
  const repeatedIds = new Set(repeated(uniqueAgents.map(({ id }) => id)).map((index) => uniqueAgents[index]));
  artifacts.forEach((entry, index) => {
    const path = `artifacts[${index}]`;
    if (repeatedIds.has(entry))
      findings.push(
        finding("PAYLOAD_ID_DUPLICATE", { path: `${path}.id`, message: `The id ${shown(entry.id)} stands at another entry already.` }),
      );
    findings.push(...checkIdentity(entry, path), ...checkSecretNames(entry, path), ...checkFileList(entry, path));
  });
  return findings;
}

/** Whether the first part of a path is the folder of a runtime base. */
export function isRuntimeBase(path: string): boolean {
  return foldPath(path.split("/", 1)[0] ?? "") === RUNTIME_BASE;
}

function repeated(values: readonly string[]): number[] {
  return values.flatMap((value, index) => (values.indexOf(value) < index ? [index] : []));
}

function duplicateAgent(artifacts: readonly ArtifactEntry[], index: number): Finding {
  const message = `The agent ${shown(artifacts[index]?.agent ?? "")} stands in another entry already.`;
  return finding("PAYLOAD_AGENT_DUPLICATE", { path: `artifacts[${index}].agent`, message });
}

function checkIdentity(entry: ArtifactEntry, path: string): Finding[] {
  const { agent, id, source_template: template } = entry;
  const findings: Finding[] = [];
  if (!/^[A-Za-z0-9_-]{3,64}$/.test(agent) || slugOf(agent) === "")
    findings.push(finding("PAYLOAD_AGENT_INVALID", { path: `${path}.agent`, message: `${shown(agent)} is no name of an agent.` }));
  for (const [key, value] of Object.entries(template.parameters ?? {})) {
    if (
      key !== "" &&
      !/[=\p{Cc}]/u.test(key) &&
      key.isWellFormed() &&
      (typeof value !== "string" || (!/\p{Cc}/u.test(value) && value.isWellFormed()))
    )
      continue;
    findings.push(
      finding("PAYLOAD_PARAMETER_INVALID", {
        path: `${path}.source_template.parameters`,
        message: `The parameter ${shown(key)} cannot be written as one line key=value.`,
      }),
    );
  }
  if (!template.path.isWellFormed() || /\p{Cc}/u.test(template.path.trim()))
    findings.push(finding("PAYLOAD_FIELD_VALUE", { path: `${path}.source_template.path`, message: "The path holds a control character." }));
  // What the id is made of has to be right first.
  if (findings.length > 0) return findings;
  const expected = artifactId(agent, template);
  if (id !== expected)
    findings.push(
      finding("PAYLOAD_ID_MISMATCH", {
        path: `${path}.id`,
        message: `The id is ${shown(id)}, but agent and source_template give ${expected}.`,
      }),
    );
  return findings;
}

/** Never repeats what stands there: it may be a value. */
function checkSecretNames({ required_secret_env: names = [] }: ArtifactEntry, path: string): Finding[] {
  return names.flatMap((name, index) => {
    const at = `${path}.required_secret_env[${index}]`;
    if (!envKeySchema.safeParse(name).success)
      return [finding("PAYLOAD_SECRET_NAME_INVALID", { path: at, message: "This is no name of a secret." })];
    if (names.indexOf(name) < index) return [finding("PAYLOAD_SECRET_NAME_DUPLICATE", { path: at, message: `${name} stands here twice.` })];
    return [];
  });
}

function checkFileList({ payload }: ArtifactEntry, path: string): Finding[] {
  const seen = new Map<string, string>();
  const findings = payload.files.flatMap((file, index) => {
    const at = `${path}.payload.files[${index}].path`;
    const checked = checkPath(file.path);
    if (!checked.ok || checked.path !== file.path)
      return [
        finding("PAYLOAD_FILE_PATH", {
          path: at,
          message: `${shown(file.path)} cannot be the path of a file: ${checked.ok ? `write ${shown(checked.path)}` : checked.reason}.`,
        }),
      ];
    if (isRuntimeBase(file.path))
      return [
        finding("PAYLOAD_RUNTIME_BASE", { path: at, message: `${shown(file.path)} belongs to a runtime base, which is never payload.` }),
      ];
    const key = foldPath(file.path);
    const other = seen.get(key);
    seen.set(key, file.path);
    if (other === undefined) return [];
    return [
      finding("PAYLOAD_FILE_DUPLICATE", {
        path: at,
        message: `${shown(file.path)} is listed already${other === file.path ? "" : ` as ${shown(other)}`}.`,
      }),
    ];
  });
  if (findings.length > 0) return findings;
  const actual = payloadDigest(payload.files);
  if (actual === payload.digest) return [];
  return [finding("PAYLOAD_DIGEST_MISMATCH", { path: `${path}.payload.digest`, message: `payload.files gives ${actual}.` })];
}
