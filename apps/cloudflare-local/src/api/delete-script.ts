import { nameKey } from "../edge/protocol.ts";
import type { Edge } from "../runtime/edge-process.ts";
import type { Script } from "../scripts/script.ts";
import type { ScriptStore } from "../scripts/store.ts";
import { ApiFailure } from "./envelope.ts";

/** With what its objects store. @throws ApiFailure when others use its classes and nobody insists */
export async function deleteScript(store: ScriptStore, edge: Edge, script: Script, { force }: { force: boolean }): Promise<void> {
  const { name } = script;
  const user = [...store.list(name.namespace), ...store.list(null)].find((other) => isUser(other, script));
  if (user !== undefined && !force)
    throw new ApiFailure(
      400,
      10064,
      `Cannot delete this Worker as it is implementing a Durable Object namespace that ${user.name.script} uses. Use force=true to delete it nevertheless.`,
    );
  await store.remove(name);
  for (const objectId of await store.objectsOf(name)) {
    await edge.erase(objectId);
    await store.forgetObject(name, objectId);
  }
}

function isUser(other: Script, script: Script): boolean {
  if (nameKey(other.name) === nameKey(script.name)) return false;
  return other.bindings.some(
    (binding) =>
      binding.type === "durable_object_namespace" &&
      binding.script_name === script.name.script &&
      (binding.dispatch_namespace ?? null) === script.name.namespace,
  );
}
