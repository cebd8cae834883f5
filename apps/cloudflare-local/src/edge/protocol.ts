/** What the workers of the edge ask of this server over the control socket, and what goes into a script's isolate. */

/** A script by where it is: in a dispatch namespace, or the account's own where that is null. */
export interface ScriptName {
  namespace: string | null;
  script: string;
}

/** `GET /scripts/{namespace|-}/{script}`: which version runs now. 404 when there is no such script. */
export interface CurrentVersion {
  version: string;
}

/** `GET /versions/{version}` */
export interface VersionCode {
  name: ScriptName;
  compatibilityDate: string;
  compatibilityFlags: readonly string[];
  mainModule: string;
  modules: Readonly<Record<string, { js: string } | { text: string } | { data: string } | { wasm: string }>>;
  /** Texts, secrets and JSON as they are. */
  values: Readonly<Record<string, unknown>>;
  /** Dispatch namespaces by binding. */
  dispatchNamespaces: Readonly<Record<string, string>>;
  /** Classes of Durable Objects by binding. */
  objectNamespaces: Readonly<Record<string, ObjectClass>>;
  /** Entrypoints of the account's own Workers by binding. */
  services: Readonly<Record<string, ServiceEntrypoint>>;
  tags: readonly string[];
  /** Own Workers that receive what this script writes. */
  tailConsumers: readonly string[];
}

export interface ServiceEntrypoint {
  script: string;
  /** The default one where it is absent. */
  entrypoint?: string | undefined;
}

export interface ObjectClass extends ScriptName {
  className: string;
}

/** `PUT /objects/{namespace|-}/{script}/{objectId}`: an object of this script may store something from now on. */

/** The answer of `POST /probe/{version}` on the admin socket: whether its module starts, and what it exports. */
export type Probe = { started: true; exports: readonly string[] } | { started: false; error: string };

export function nameKey({ namespace, script }: ScriptName): string {
  return `${namespace ?? "-"}/${script}`;
}

/** Modules that the edge adds to a script. */
export const LOCAL_MAIN = "cf-local-main.js";
export const LOCAL_BINDINGS = "cf-local-bindings.js";
/** How the stand-in of a dispatch namespace names the script, and hears that there is none. */
export const SCRIPT_HEADER = "x-cf-local-script";
export const MISSING_HEADER = "x-cf-local-missing";
/** A binding that needs a stand-in comes under this prefix, and leaves before the script's own modules are evaluated. */
export const RAW_PREFIX = "CF_LOCAL_";
