import type { Plugin } from "esbuild";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const NAMESPACE = "whs-agent";

/**
 * `@whs/agent` is the one that this program brings along, so that a new project needs no install. It is given to the
 * bundler under a name of its own: the same project is the same bundle wherever this program lies.
 */
export function ownAgentPackage(): Plugin {
  return {
    name: "own-agent-package",
    setup(build) {
      build.onResolve({ filter: /^@whs\/agent$/ }, () => ({ path: "index.ts", namespace: NAMESPACE, sideEffects: false }));
      build.onResolve({ filter: /^\.\//, namespace: NAMESPACE }, ({ path }) => ({
        path: path.slice(2),
        namespace: NAMESPACE,
        sideEffects: false,
      }));
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({ contents: readAgentPackage(path), loader: "ts" }));
    },
  };
}

/** A source file of `@whs/agent`, by its name. */
export function readAgentPackage(name: string): string {
  return readFileSync(fileURLToPath(new URL(name, import.meta.resolve("@whs/agent"))), "utf8");
}
