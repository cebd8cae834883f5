/** What is uploaded for a script: its modules, and its metadata as Cloudflare's API describes it. */
import type { ScriptUpdateParams } from "cloudflare/resources/workers-for-platforms/dispatch/namespaces/scripts/scripts.js";
import type { ScriptUpdateParams as WorkerUpdateParams } from "cloudflare/resources/workers/scripts/scripts.js";
import { type BuiltBundle, type BundleModule, ProviderError } from "../../port.ts";
import { agentModule, AGENT_FILE, GUARD_FILE, type OwnWorkers, SHIM_FILE } from "./own-workers.ts";

export type AgentScriptMetadata = ScriptUpdateParams.Metadata;
export type OwnScriptMetadata = WorkerUpdateParams.Metadata;

export interface ScriptUpload {
  metadata: AgentScriptMetadata | OwnScriptMetadata;
  modules: readonly UploadModule[];
}
export interface UploadModule {
  name: string;
  type: "application/javascript+module" | "text/plain" | "application/octet-stream" | "application/wasm";
  content: string | Uint8Array<ArrayBuffer>;
}

const RESERVED = new Set([AGENT_FILE, GUARD_FILE, SHIM_FILE]);

/** @throws ProviderError `invalid` naming the module. */
export function agentModules(bundle: BuiltBundle, workers: OwnWorkers): UploadModule[] {
  const modules = Object.entries(bundle.modules).map(([name, module]) => {
    if (RESERVED.has(name)) throw invalid(`The bundle must not contain a module named ${name}: that name is the platform's.`);
    return uploadModule(name, module);
  });
  if (bundle.modules[bundle.mainModule]?.type !== "esm")
    throw invalid(`The entrypoint ${bundle.mainModule} is not an ES module of the bundle.`);
  return [
    esModule(SHIM_FILE, workers.shim),
    esModule(AGENT_FILE, agentModule(bundle.mainModule)),
    esModule(GUARD_FILE, workers.guard),
    ...modules,
  ];
}

export function esModule(name: string, content: string): UploadModule {
  return { name, type: "application/javascript+module", content };
}

/**
 * The SDK's own encoder names all files alike and takes folders off their names, but a module is known by its part's name;
 * so the form is made here and sent by the SDK as it is.
 */
export function uploadForm({ metadata, modules }: ScriptUpload): FormData {
  const form = new FormData();
  form.append("metadata", new File([JSON.stringify(metadata)], "metadata.json", { type: "application/json" }));
  for (const { name, type, content } of modules) form.append(name, new File([content], name, { type }));
  return form;
}

function uploadModule(name: string, module: BundleModule): UploadModule {
  switch (module.type) {
    case "esm":
      return esModule(name, module.text);
    case "text":
      return { name, type: "text/plain", content: module.text };
    case "json":
      return esModule(name, jsonModule(name, module.text));
    case "wasm":
      return { name, type: "application/wasm", content: bytes(module.base64) };
    case "data":
      return { name, type: "application/octet-stream", content: bytes(module.base64) };
  }
}

/** The API knows no JSON modules; a module that exports the parsed text is one. */
function jsonModule(name: string, text: string): string {
  try {
    JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalid(`${name} is not valid JSON: ${error.message}`);
  }
  return `export default JSON.parse(${JSON.stringify(text)});\n`;
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(base64, "base64"));
}

function invalid(message: string): ProviderError {
  return new ProviderError("invalid", message, { reached: false });
}
