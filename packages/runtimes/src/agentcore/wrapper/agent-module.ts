/** Loads the agent's modules as the bundle has them: what is not in it, and is no part of Node, is not there. */
import { readFileSync } from "node:fs";
import { isBuiltin, registerHooks } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findAgent, type LoadedAgent, ModuleShapeError } from "@whs/agent/runtime";
import type { AgentDescription } from "../protocol.ts";

/** The author's module cannot start; the message is for the author. */
export class LoadError extends Error {
  override readonly name = "LoadError";
}

const MAX_MESSAGE = 1500;

/** `builtin` is told of every module of Node's that is loaded for the agent. @throws LoadError naming the error with file and line. */
export async function loadAgent(folder: string, description: AgentDescription, builtin: (specifier: string) => void): Promise<LoadedAgent> {
  registerModules(folder, description, builtin);
  try {
    return findAgent((await import(pathToFileURL(path.join(folder, description.mainModule)).href)) as Record<string, unknown>);
  } catch (error) {
    throw new LoadError(loadFailureText(error, folder), { cause: error });
  }
}

function registerModules(folder: string, { modules }: AgentDescription, builtin: (specifier: string) => void): void {
  const root = `${pathToFileURL(folder).href}/`;
  const nameOf = (url: string): string | null => (url.startsWith(root) ? decodeURIComponent(url.slice(root.length)) : null);
  registerHooks({
    resolve(specifier, context, next) {
      const from = context.parentURL === undefined ? null : nameOf(context.parentURL);
      if (from !== null && isBuiltin(specifier)) builtin(specifier);
      if (from === null || isBuiltin(specifier)) return next(specifier, context);
      const url = /^(?:\.{0,2}\/|file:)/.test(specifier) ? new URL(specifier, context.parentURL).href : "";
      const name = nameOf(url);
      if (name === null || modules[name] === undefined) throw new LoadError(`${from} imports "${specifier}", which is not in the bundle.`);
      return { url, shortCircuit: true, format: "module", importAttributes: {} };
    },
    load(url, context, next) {
      const name = nameOf(url);
      const type = name === null ? undefined : modules[name];
      if (type === undefined) return next(url, context);
      return { format: "module", shortCircuit: true, source: moduleSource(type, readFileSync(fileURLToPath(url))) };
    },
  });
}

/** Everything that is no JavaScript becomes a module with the content as its default export. */
function moduleSource(type: AgentDescription["modules"][string], bytes: Buffer): string {
  switch (type) {
    case "esm":
      return bytes.toString("utf8");
    case "text":
      return `export default ${JSON.stringify(bytes.toString("utf8"))};`;
    case "json":
      return `export default JSON.parse(${JSON.stringify(bytes.toString("utf8"))});`;
    case "data":
      return `export default ${bytesExpression(bytes)}.buffer;`;
    case "wasm":
      return `export default new WebAssembly.Module(${bytesExpression(bytes)});`;
  }
}

function bytesExpression(bytes: Buffer): string {
  return `Uint8Array.from(atob(${JSON.stringify(bytes.toString("base64"))}), (character) => character.charCodeAt(0))`;
}

/** The error with the first place in the agent's own code, as `file:line:column`. */
function loadFailureText(error: unknown, folder: string): string {
  if (error instanceof ModuleShapeError || error instanceof LoadError) return error.message;
  if (!(error instanceof Error)) return String(error).slice(0, MAX_MESSAGE);
  const root = pathToFileURL(folder).href;
  const place = [...(error.stack ?? "").matchAll(/(file:\/\/[^\s()]+?):(\d+)(?::(\d+))?/g)].find(([, file]) => file?.startsWith(root));
  const at =
    place === undefined
      ? ""
      : ` (${decodeURIComponent((place[1] ?? "").slice(root.length + 1))}:${place[2]}${place[3] === undefined ? "" : `:${place[3]}`})`;
  const name = error.name === "Error" ? "" : `${error.name}: `;
  return `${name}${error.message}`.replaceAll(`${root}/`, "").replaceAll(`${folder}/`, "").slice(0, MAX_MESSAGE) + at;
}
