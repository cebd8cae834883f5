import { ProviderError } from "@whs/runtimes";
import { AGENT_MODULE, type CellAssembly, PORT_MODULE, SHIM_MODULE } from "@whs/runtimes/cell";
import type { DeployBody } from "@whs/runtimes/supervisor-protocol";
import type { StoredModules } from "./registry.ts";

const RESERVED = new Set([AGENT_MODULE, PORT_MODULE, SHIM_MODULE]);

/**
 * A bundle's modules as the worker loader takes them, with our shim around the entrypoint.
 * @throws ProviderError `invalid` naming the module.
 */
export function storedModules(body: DeployBody, surround: CellAssembly["surround"]): StoredModules {
  const modules: StoredModules = {};
  for (const [name, module] of Object.entries(body.modules)) {
    if (RESERVED.has(name)) throw invalid(`The bundle must not contain a module named ${name}: that name is the platform's.`);
    modules[name] = storedModule(name, module);
  }
  const main = modules[body.mainModule];
  if (main === undefined || !("js" in main)) throw invalid(`The entrypoint ${body.mainModule} is not an ES module of the bundle.`);
  return { ...modules, ...surround(body.mainModule) };
}

function storedModule(name: string, module: DeployBody["modules"][string]): StoredModules[string] {
  if ("base64" in module) return module.type === "wasm" ? { wasm: module.base64 } : { data: module.base64 };
  if (module.type === "esm") return { js: module.text };
  if (module.type === "text") return { text: module.text };
  try {
    return { json: JSON.parse(module.text) as unknown };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalid(`${name} is not valid JSON: ${error.message}`);
  }
}

function invalid(message: string): ProviderError {
  return new ProviderError("invalid", message, { reached: false });
}
