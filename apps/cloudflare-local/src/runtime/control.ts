/** What the edge asks of this server, over a unix socket that nobody else uses. */
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { Logger } from "@whs/platform/log";
import type { ScriptName, VersionCode } from "../edge/protocol.ts";
import type { Script } from "../scripts/script.ts";
import type { ScriptStore } from "../scripts/store.ts";

/** workerd of the pinned version goes back to this date for scripts that name none, as Cloudflare does. */
const OLDEST_DATE = "2021-11-02";

export async function listenControl(socketPath: string, store: ScriptStore, log: Logger): Promise<{ close(): Promise<void> }> {
  await rm(socketPath, { force: true });
  const server = createServer((request, response) => {
    const answered = answer(store, request.method ?? "", request.url ?? "").catch((error: unknown) => {
      log.error({ err: error, url: request.url }, "The edge's request failed");
      return { status: 500, body: null };
    });
    void answered.then(({ status, body }) => response.writeHead(status).end(body === null ? undefined : JSON.stringify(body)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketPath, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(store: ScriptStore, method: string, url: string): Promise<{ status: number; body: unknown }> {
  const [, noun, ...parts] = url.split("/");
  if (noun === "scripts") return found(store.find(scriptName(parts)), ({ version }) => ({ version }));
  if (noun === "published") return found(published(store, parts[0] ?? ""), ({ version }) => ({ version }));
  if (noun === "versions") return found(store.ofVersion(parts[0] ?? ""), ({ script, secrets }) => versionCode(script, secrets));
  if (noun === "objects" && method === "PUT") {
    await store.noteObject(scriptName(parts), parts[2] ?? "");
    return { status: 204, body: null };
  }
  return { status: 404, body: null };
}

function found<T>(value: T | undefined, present: (value: T) => unknown): { status: number; body: unknown } {
  return value === undefined ? { status: 404, body: null } : { status: 200, body: present(value) };
}

function scriptName([namespace = "-", script = ""]: readonly string[]): ScriptName {
  return { namespace: namespace === "-" ? null : namespace, script };
}

/** By name, or the only one there is. */
function published(store: ScriptStore, label: string): Script | undefined {
  const all = store.list(null).filter((script) => script.published);
  return all.find(({ name }) => name.script === label) ?? (all.length === 1 ? all[0] : undefined);
}

function versionCode({ name, metadata, bindings, modules }: Script, secrets: Readonly<Record<string, string>>): VersionCode {
  const values: Record<string, unknown> = { ...secrets };
  const code: VersionCode = {
    name,
    compatibilityDate: metadata.compatibility_date ?? OLDEST_DATE,
    compatibilityFlags: metadata.compatibility_flags ?? [],
    mainModule: metadata.main_module,
    modules,
    values,
    dispatchNamespaces: Object.fromEntries(
      bindings.flatMap((binding) => (binding.type === "dispatch_namespace" ? [[binding.name, binding.namespace]] : [])),
    ),
    objectNamespaces: Object.fromEntries(
      bindings.flatMap((binding) => {
        if (binding.type !== "durable_object_namespace") return [];
        const { class_name: className, script_name: script } = binding;
        const owner = script === undefined ? name : { namespace: binding.dispatch_namespace ?? null, script };
        return [[binding.name, { ...owner, className }]];
      }),
    ),
    services: Object.fromEntries(
      bindings.flatMap((binding) =>
        binding.type === "service" ? [[binding.name, { script: binding.service, entrypoint: binding.entrypoint }]] : [],
      ),
    ),
    tags: metadata.tags ?? [],
    tailConsumers: (metadata.tail_consumers ?? []).map(({ service }) => service),
  };
  for (const binding of bindings) {
    if (binding.type === "plain_text") values[binding.name] = binding.text;
    else if (binding.type === "json") values[binding.name] = binding.json;
  }
  return code;
}
