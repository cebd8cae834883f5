/**
 * The way out through a proxy, where the container's variables name one. Node can see to it at its start, which loads all of its
 * HTTP clients and takes as long as the rest of a container's start; so the image tells it not to, and this does it when an
 * agent first asks for one of them.
 */
import http from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { takeProxyWish } from "./environment.ts";

const CLIENT_MODULES = new Set(["http", "https"]);
const THREADS = "worker_threads";

/** @returns what is to be told of every module of Node's that the agent is about to get */
export function useProxyOnDemand(): (specifier: string) => void {
  if (!takeProxyWish()) return () => undefined;
  const set = once(() => http.setGlobalProxyFromEnv());
  const setForThreads = once(proxyThreads);
  const asked = (specifier: string): void => {
    const name = specifier.replace(/^node:/, "");
    if (CLIENT_MODULES.has(name)) set();
    if (name === THREADS) setForThreads();
  };
  const { fetch, process: node } = globalThis;
  const getBuiltinModule = node.getBuiltinModule.bind(node);
  node.getBuiltinModule = (specifier: string) => {
    asked(specifier);
    return getBuiltinModule(specifier);
  };
  defineUntilUsed("fetch", set, () => fetch);
  defineUntilUsed("WebSocket", set, () => http.WebSocket);
  return asked;
}

/** Threads get the options of this process, which say nothing of a proxy. */
function proxyThreads(): void {
  const threads = process.getBuiltinModule(`node:${THREADS}`);
  const { Worker } = threads;
  threads.Worker = class extends Worker {
    constructor(file: string | URL, options: ConstructorParameters<typeof Worker>[1] = {}) {
      super(file, { ...options, execArgv: [...(options.execArgv ?? process.execArgv), "--use-env-proxy"] });
    }
  };
  syncBuiltinESMExports();
}

/** Even to look at what such a global is would load it. */
function defineUntilUsed(name: "fetch" | "WebSocket", used: () => void, original: () => unknown): void {
  const become = (value: unknown): void => {
    Object.defineProperty(globalThis, name, { configurable: true, enumerable: name === "fetch", writable: true, value });
  };
  Object.defineProperty(globalThis, name, {
    configurable: true,
    enumerable: name === "fetch",
    get() {
      used();
      become(original());
      return (globalThis as Record<string, unknown>)[name];
    },
    set: become,
  });
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    run();
  };
}
