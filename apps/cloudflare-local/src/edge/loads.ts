import type { CellContext, LoadedWorker, LoaderModule } from "cloudflare:workers";
import type { EdgeEnv } from "./env.ts";
import { type CurrentVersion, LOCAL_MAIN, nameKey, RAW_PREFIX, type ScriptName, type VersionCode } from "./protocol.ts";
import { surround } from "./surround.ts";

/** The version that runs now; null when there is no such script. Asked each time: an upload counts from the next request on. */
export async function currentVersion(env: EdgeEnv, name: ScriptName): Promise<string | null> {
  const response = await env.CONTROL.fetch(`http://control/scripts/${nameKey(name)}`);
  const body = await response.text();
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`The control socket answered ${response.status} for a script.`);
  return (JSON.parse(body) as CurrentVersion).version;
}

export function loadVersion(env: EdgeEnv, context: Pick<CellContext, "exports">, version: string): LoadedWorker {
  return env.LOADER.get(version, async () => {
    const response = await env.CONTROL.fetch(`http://control/versions/${version}`);
    if (!response.ok) throw new Error(`The control socket answered ${response.status} for a version.`);
    const code = (await response.json()) as VersionCode;
    const isOwn = code.name.namespace === null;
    return {
      compatibilityDate: code.compatibilityDate,
      compatibilityFlags: code.compatibilityFlags,
      mainModule: LOCAL_MAIN,
      modules: { ...modules(code), ...surround(code) },
      env: { ...code.values, ...services(context, code), ...standIns(context, code) },
      globalOutbound: isOwn ? env.ANYWHERE : env.INTERNET,
      tails: code.tailConsumers.length === 0 ? [] : [entrypoint(context, "LogTail", tailProps(code))],
    };
  });
}

function services(context: Pick<CellContext, "exports">, code: VersionCode): Record<string, unknown> {
  return Object.fromEntries(Object.entries(code.services).map(([name, props]) => [name, entrypoint(context, "Service", props)]));
}

function standIns(context: Pick<CellContext, "exports">, code: VersionCode): Record<string, unknown> {
  const dispatch = Object.entries(code.dispatchNamespaces).map(
    ([name, namespace]) => [RAW_PREFIX + name, entrypoint(context, "Dispatch", { namespace })] as const,
  );
  const objects = Object.entries(code.objectNamespaces).map(
    ([name, props]) => [RAW_PREFIX + name, entrypoint(context, "Objects", props)] as const,
  );
  return Object.fromEntries([...dispatch, ...objects]);
}

function tailProps({ name, tags, tailConsumers }: VersionCode) {
  return { name, tags, consumers: tailConsumers };
}

function entrypoint(context: Pick<CellContext, "exports">, name: string, props: unknown) {
  const found = context.exports[name];
  if (found === undefined) throw new Error(`The edge lacks the entrypoint ${name}.`);
  return found({ props });
}

function modules(code: VersionCode): Record<string, LoaderModule> {
  return Object.fromEntries(
    Object.entries(code.modules).map(([name, module]): [string, LoaderModule] => {
      if ("data" in module) return [name, { data: Uint8Array.fromBase64(module.data).buffer }];
      if ("wasm" in module) return [name, { wasm: Uint8Array.fromBase64(module.wasm).buffer }];
      return [name, module];
    }),
  );
}
