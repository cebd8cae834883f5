/** Every rule of the contract by the code of its finding. Codes are stable: programs match on them. */
import type { ContractName, Finding } from "./finding.ts";

interface Rule {
  contract: ContractName;
  severity: Finding["severity"];
  action: string;
}

const payload = (action: string): Rule => ({ contract: "payload", severity: "error", action });
const stack = (action: string): Rule => ({ contract: "runtime_stack", severity: "error", action });
const stackWarning = (action: string): Rule => ({ contract: "runtime_stack", severity: "warning", action });
const apply = (action: string): Rule => ({ contract: "apply", severity: "error", action });

const REBUILD = "Build the artifact again, or bring back the files that the manifest was written for.";

export const FINDINGS = {
  PAYLOAD_MANIFEST_MISSING: payload("Name the manifest with --artifact FILE."),
  PAYLOAD_MANIFEST_TOO_LARGE: payload("Split the artifact into several manifests."),
  PAYLOAD_MANIFEST_ENCODING: payload("Save the manifest as UTF-8."),
  PAYLOAD_MANIFEST_YAML: payload("Correct the YAML at this place."),
  PAYLOAD_MANIFEST_DUPLICATE_KEY: payload("Remove one of the two."),
  PAYLOAD_MANIFEST_ALIAS: payload("Write the value out in place of the anchor or alias."),
  PAYLOAD_MANIFEST_TAG: payload("Remove the tag."),
  PAYLOAD_MANIFEST_DOCUMENTS: payload("Leave one document in the file."),
  PAYLOAD_MANIFEST_DEPTH: payload("Nest the manifest less deeply."),
  PAYLOAD_MANIFEST_SHAPE: payload("Begin with schema_version, project, env and artifacts."),
  PAYLOAD_SCHEMA_VERSION_MISSING: payload('Begin the manifest with schema_version: "1".'),
  PAYLOAD_SCHEMA_VERSION_INVALID: payload('Write the version as text, such as "1" or "1.0".'),
  PAYLOAD_SCHEMA_VERSION_UNSUPPORTED: payload("Use an artifactctl that reads this version, or build the artifact with an older producer."),
  PAYLOAD_SCHEMA_VERSION_NEWER: {
    contract: "payload",
    severity: "warning",
    action: "Fields that this version does not know are ignored; update artifactctl to use them.",
  },
  PAYLOAD_FIELD_MISSING: payload("Add the field."),
  PAYLOAD_FIELD_UNKNOWN: payload("Remove the field, or correct its name."),
  PAYLOAD_FIELD_TYPE: payload("Give the field a value of the right type."),
  PAYLOAD_FIELD_VALUE: payload("Correct the value."),
  PAYLOAD_MODE_CONFLICT: payload("Give mode and runtime_stack.mode the same value, or leave one out."),
  PAYLOAD_RANGE_INVALID: payload('Write a version range such as ">=1.0 <2".'),
  PAYLOAD_ID_MISSING: payload("Run artifactctl manifest sync-ids."),
  PAYLOAD_ID_MISMATCH: payload("Run artifactctl manifest sync-ids."),
  PAYLOAD_ID_DUPLICATE: payload("Give each entry an agent or a source template of its own, then run artifactctl manifest sync-ids."),
  PAYLOAD_AGENT_INVALID: payload("Name the agent with 3 to 64 of A-Z, a-z, 0-9, _ and -, a letter or digit among them."),
  PAYLOAD_AGENT_DUPLICATE: payload("Let each agent stand in one entry only."),
  PAYLOAD_PARAMETER_INVALID: payload("Write parameters as names with texts, whole numbers or booleans, each in one line."),
  PAYLOAD_SECRET_NAME_INVALID: payload("List names such as OPENAI_API_KEY, never values."),
  PAYLOAD_SECRET_NAME_DUPLICATE: payload("List each name once."),
  PAYLOAD_SECRET_NOT_DECLARED: payload("Add the name to required_secret_env."),
  PAYLOAD_SECRET_FILE: payload("Take the file out of the payload, or allow it with --allow-file if it holds no secret."),
  PAYLOAD_SECRET_CONTENT: payload(
    "Take the secret out and replace it at its issuer, or allow the file with --allow-file if it holds none.",
  ),
  PAYLOAD_SECRET_IN_MANIFEST: payload("Take the secret out of the manifest, and replace it at its issuer."),
  PAYLOAD_ROOT_MISSING: payload("Correct artifact_root; it is relative to the manifest's folder, or absolute."),
  PAYLOAD_BUNDLE_PATH: payload("Write the path relative to artifact_root, with / and without .. in it."),
  PAYLOAD_BUNDLE_OUTSIDE: payload("Put the bundle into artifact_root itself; links may not lead out of it."),
  PAYLOAD_BUNDLE_MISSING: payload("Correct the path of the bundle, or build the artifact again."),
  PAYLOAD_BUNDLE_FORMAT: payload("Name a folder, a .tar.gz or a .zip."),
  PAYLOAD_BUNDLE_ARCHIVE: payload("Pack the archive again; links and special files do not belong in it."),
  PAYLOAD_BUNDLE_LIMIT: payload("Make the bundle smaller."),
  PAYLOAD_LINK_OUTSIDE: payload("Replace the link by the file that it leads to."),
  PAYLOAD_LINK_BROKEN: payload("Remove the link, or bring back what it leads to."),
  PAYLOAD_SPECIAL_FILE: payload("Remove it: a payload consists of files and folders."),
  PAYLOAD_FILE_PATH: payload("Write the path relative to the bundle, with / and without .. in it."),
  PAYLOAD_FILE_DUPLICATE: payload("List each file once; names that differ in letter case only are the same file on some systems."),
  PAYLOAD_FILE_MISSING: payload(REBUILD),
  PAYLOAD_FILE_UNLISTED: payload("Remove the file, or build the artifact again so that the manifest lists it."),
  PAYLOAD_SIZE_MISMATCH: payload("Correct the size in payload.files, or build the artifact again."),
  PAYLOAD_DIGEST_MISMATCH: payload(REBUILD),
  PAYLOAD_RUNTIME_BASE: payload("Remove runtime-base/: the base comes from the running stack."),
  PAYLOAD_AGENT_CONFIG_MISSING: payload("Put agent.config.json at the root of the bundle."),
  PAYLOAD_AGENT_CONFIG_INVALID: payload("Correct agent.config.json in the sources, and build the artifact again."),
  PAYLOAD_ENTRYPOINT_MISSING: payload("Name a file of the bundle as the entrypoint."),

  STACK_UNOBSERVABLE: stackWarning("See that the API can be reached and that the token is right, then check again."),
  STACK_MODE_MISMATCH: stack("Apply the artifact to the kind of stack it was made for, or build it for this one."),
  STACK_API_VERSION_MAJOR: stack("Use an artifact for this API version, or another stack."),
  STACK_API_VERSION_MINOR: stackWarning("Update the stack, or lower runtime_stack.api_version if the artifact does not need what is new."),
  STACK_COMPONENT_RANGE: stackWarning("Update the component, or widen the range if the artifact runs on this version."),
  STACK_COMPONENT_MAJOR: stack("Update the component, or build the artifact for the one that runs."),
  STACK_COMPONENT_DOWN: stack("Start the component and check again."),
  STACK_COMPONENT_MISSING: stack("Correct the component's name, or use a stack that has it."),
  STACK_CAPABILITY_MISSING: stack("Use a stack that has the capability, or do without it."),

  APPLY_SECRET_MISSING: apply("Give the values with --secret-env FILE or in the environment, or set them on the agent."),
  APPLY_AGENT_DISABLED: apply("Enable the agent first."),
  APPLY_RUNTIME_CONFLICT: apply("An agent that serves keeps its runtime: give the entry another agent name, or delete the agent."),
  APPLY_STATE_MOVED: apply("Make a new plan, read it, and deploy that one."),
  APPLY_PLAN_INVALID: apply("Make the plan again with artifactctl plan --out FILE."),
  APPLY_PLAN_ARTIFACT: apply("Make a plan for this artifact."),
  APPLY_REQUEST_FAILED: apply("Mend what the message says, and run the same command again: it goes on from here."),
  APPLY_DEPLOYMENT_FAILED: apply("Mend what the message says, and run the same command again: it goes on from here."),
} as const satisfies Record<string, Rule>;

export type FindingCode = keyof typeof FINDINGS;
