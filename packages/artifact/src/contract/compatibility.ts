import { coerce, intersects, parse, satisfies } from "semver";
import { finding, shown, type Finding } from "./finding.ts";
import type { FindingCode } from "./finding-codes.ts";
import type { StackObservation } from "./observation.ts";
import type { StackRequirements } from "./schema.ts";

/**
 * Whether the stack that was observed can take the artifact. Decided of these three alone, whatever the payload looks like.
 * No requirements: no findings. `strict`: what else only warns fails.
 */
export function decideCompatibility(
  requirements: StackRequirements | undefined,
  observation: StackObservation | null,
  strict: boolean,
): Finding[] {
  if (requirements === undefined) return [];
  const lenient = (code: FindingCode, path: string, message: string): Finding =>
    finding(code, { path: `runtime_stack${path}`, message, severity: strict ? "error" : "warning" });
  const hard = (code: FindingCode, path: string, message: string): Finding => finding(code, { path: `runtime_stack${path}`, message });
  if (observation === null) return [lenient("STACK_UNOBSERVABLE", "", "The stack does not say what runs.")];
  const { mode, api_version: apiVersion, components = {}, capabilities = [] } = requirements;
  const findings: Finding[] = [];
  if (mode !== undefined && mode !== observation.mode)
    findings.push(
      hard("STACK_MODE_MISMATCH", ".mode", `The artifact needs a stack of mode ${mode}; the mode of this one is ${observation.mode}.`),
    );
  if (apiVersion !== undefined) findings.push(...decideApiVersion(apiVersion, observation.apiVersion, { lenient, hard }));
  for (const [name, range] of Object.entries(components)) findings.push(...decideComponent(name, range, observation, { lenient, hard }));
  for (const { name, status } of observation.components) {
    if (status !== "down" || Object.hasOwn(components, name)) continue;
    findings.push(lenient("STACK_COMPONENT_DOWN", `.components.${name}`, `${name} is down. The artifact does not name it.`));
  }
  const offered = new Set(observation.components.flatMap((component) => (component.status === "up" ? component.capabilities : [])));
  capabilities.forEach((capability, index) => {
    if (offered.has(capability)) return;
    findings.push(hard("STACK_CAPABILITY_MISSING", `.capabilities[${index}]`, `No running component has the capability ${capability}.`));
  });
  return findings;
}

interface Verdicts {
  lenient: (code: FindingCode, path: string, message: string) => Finding;
  hard: (code: FindingCode, path: string, message: string) => Finding;
}

function decideApiVersion(required: string, observed: string, { lenient, hard }: Verdicts): Finding[] {
  const [major = 0, minor = 0] = required.split(".").map(Number);
  const [ownMajor = 0, ownMinor = 0] = observed.split(".").map(Number);
  const message = `The artifact needs API version ${required}; the stack has ${observed}.`;
  if (major !== ownMajor) return [hard("STACK_API_VERSION_MAJOR", ".api_version", message)];
  return minor > ownMinor ? [lenient("STACK_API_VERSION_MINOR", ".api_version", message)] : [];
}

function decideComponent(name: string, range: string, { components }: StackObservation, { lenient, hard }: Verdicts): Finding[] {
  const path = `.components.${name}`;
  const component = components.find((candidate) => candidate.name === name);
  if (component === undefined) return [hard("STACK_COMPONENT_MISSING", path, `The stack has no component ${name}.`)];
  const { status, version } = component;
  if (status === "down" || version === null) return [hard("STACK_COMPONENT_DOWN", path, `${name} is down.`)];
  const parsed = parse(version, { loose: true }) ?? coerce(version);
  // A version that cannot be compared is no proof of the wrong major one.
  if (parsed === null)
    return [lenient("STACK_COMPONENT_RANGE", path, `${name} has version ${shown(version)}, which cannot be compared with ${range}.`)];
  const options = { includePrerelease: true };
  if (satisfies(parsed, range, options)) return [];
  const message = `${name} has version ${shown(version)}; the artifact needs ${range}.`;
  const sameMajor = `>=${parsed.major}.0.0-0 <${parsed.major + 1}.0.0-0`;
  return [
    intersects(range, sameMajor, options) ? lenient("STACK_COMPONENT_RANGE", path, message) : hard("STACK_COMPONENT_MAJOR", path, message),
  ];
}
