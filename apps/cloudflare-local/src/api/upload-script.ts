import { randomUUID } from "node:crypto";
import type { ScriptName } from "../edge/protocol.ts";
import type { Edge } from "../runtime/edge-process.ts";
import type { PlainBinding, Script } from "../scripts/script.ts";
import type { ScriptStore } from "../scripts/store.ts";
import { ApiFailure, refused } from "./envelope.ts";
import type { Metadata } from "./metadata.ts";
import type { Upload } from "./read-upload.ts";

/** Makes an upload the current version once its module started; else the one before it goes on. @throws ApiFailure */
export async function uploadScript(store: ScriptStore, edge: Edge, name: ScriptName, { metadata, modules }: Upload): Promise<Script> {
  const before = store.find(name);
  const { bindings: all = [], migrations, ...settings } = metadata;
  requireDistinct(all.map((binding) => binding.name));
  const secrets = Object.fromEntries(all.flatMap((binding) => (binding.type === "secret_text" ? [[binding.name, binding.text]] : [])));
  const now = new Date().toISOString();
  const script: Script = {
    name,
    version: randomUUID(),
    createdOn: before?.createdOn ?? now,
    modifiedOn: now,
    metadata: settings,
    bindings: all.filter((binding): binding is PlainBinding => binding.type !== "secret_text"),
    secretNames: Object.keys(secrets),
    modules,
    ...migrated(before, migrations),
    published: before?.published ?? false,
  };
  requireReferences(store, script);
  await store.tryOut(script, secrets, () => requireStart(edge, script));
  await store.save(script, secrets);
  return script;
}

function requireDistinct(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw refused(`There are two bindings named ${twice}.`);
}

function migrated(before: Script | undefined, migrations: Metadata["migrations"]): Pick<Script, "migrationTag" | "objectClasses"> {
  const migrationTag = before?.migrationTag ?? null;
  const objectClasses = before?.objectClasses ?? [];
  if (migrations === undefined) return { migrationTag, objectClasses };
  const { old_tag, new_tag, new_sqlite_classes } = migrations;
  if ((old_tag ?? null) !== migrationTag)
    throw new ApiFailure(412, 10079, `Migration tag precondition failed; current tag is ${migrationTag ?? "null"}.`);
  const there = new_sqlite_classes.find((name) => objectClasses.includes(name));
  if (there !== undefined)
    throw new ApiFailure(
      400,
      10074,
      `Cannot apply new-sqlite-class migration to class '${there}' that is already depended on by existing Durable Objects.`,
    );
  return { migrationTag: new_tag, objectClasses: [...objectClasses, ...new_sqlite_classes] };
}

function requireReferences(store: ScriptStore, script: Script): void {
  for (const binding of script.bindings) {
    if (binding.type === "dispatch_namespace") {
      if (script.name.namespace !== null) throw refused("A script in a dispatch namespace cannot have a binding to one.");
      if (store.namespaceCreatedOn(binding.namespace) === undefined)
        throw new ApiFailure(400, 10082, `The dispatch namespace ${binding.namespace} does not exist.`);
    }
    if (binding.type === "service" && store.find({ namespace: null, script: binding.service }) === undefined)
      throw new ApiFailure(
        400,
        10143,
        `Could not resolve service binding '${binding.name}'. Target script '${binding.service}' not found.`,
      );
    if (binding.type !== "durable_object_namespace") continue;
    const owner =
      binding.script_name === undefined
        ? script
        : store.find({ namespace: binding.dispatch_namespace ?? null, script: binding.script_name });
    if (owner?.objectClasses.includes(binding.class_name) !== true)
      throw new ApiFailure(
        400,
        10061,
        `Cannot create binding for class '${binding.class_name}' because it is not currently configured to implement Durable Objects.`,
      );
  }
  for (const { service } of script.metadata.tail_consumers ?? [])
    if (store.find({ namespace: null, script: service }) === undefined)
      throw new ApiFailure(400, 10143, `The tail consumer ${service} does not exist.`);
}

async function requireStart(edge: Edge, script: Script): Promise<void> {
  const probe = await edge.probe(script.version).catch((error: unknown) => {
    throw new ApiFailure(400, 10021, "Script startup exceeded CPU time limit.", {}, error);
  });
  if (!probe.started) throw refused(withoutOwnLines(probe.error));
  const missing = script.objectClasses.find((name) => !probe.exports.includes(name));
  if (missing !== undefined)
    throw new ApiFailure(400, 10070, `Cannot apply a migration to class '${missing}' that is not exported by the script.`);
}

/** What workerd says of our own modules around the script is nothing that Cloudflare would say. */
function withoutOwnLines(error: string): string {
  const lines = error.split("\n").filter((line) => !/cf-local-/.test(line));
  return lines
    .join("\n")
    .replace(/^Failed to start Worker:\s*/, "")
    .trim();
}
