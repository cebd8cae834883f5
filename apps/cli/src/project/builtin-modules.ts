import type { Plugin } from "esbuild";
import { builtinModules as names } from "node:module";

const NAMESPACE = "required-builtin";
/** `node:sqlite` and other modules that exist only with the prefix are covered by the filter itself. */
const known = new Set(names);

/**
 * Leaves Node's own modules to the runtime, which has them under their full names. A CommonJS package's
 * `require("events")` becomes an import, because an ES module has no `require`.
 */
export function builtinModules(): Plugin {
  return {
    name: "builtin-modules",
    setup(build) {
      build.onResolve({ filter: /^(?:node:)?[a-z_]+(?:\/[a-z_]+)*$/ }, ({ path, kind, namespace }) => {
        const bare = path.replace(/^node:/, "");
        if (bare === path && !known.has(bare)) return undefined;
        const name = `node:${bare}`;
        if (kind === "require-call" && namespace !== NAMESPACE) return { path: name, namespace: NAMESPACE };
        return { path: name, external: true };
      });
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({
        contents: `import * as builtin from "${path}";\nmodule.exports = builtin.default ?? builtin;`,
        loader: "js",
      }));
    },
  };
}
