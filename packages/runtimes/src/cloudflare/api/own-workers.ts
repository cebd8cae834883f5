/** Our own Workers' text, bundled from their sources on first use: what an operator deploys is what the repository holds. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

export interface OwnWorkers {
  dispatch: string;
  tail: string;
  sessions: string;
  shim: string;
  guard: string;
  /** Names this version of all of them. */
  build: string;
}

/** Modules that stand beside a tenant's; a bundle with such a name is refused. */
export const SHIM_FILE = "whs-shim.js";
export const AGENT_FILE = "whs-agent.js";
export const GUARD_FILE = "whs-guard.js";

let bundled: Promise<OwnWorkers> | null = null;

export function ownWorkers(): Promise<OwnWorkers> {
  bundled ??= bundleAll().catch((error: unknown) => {
    bundled = null;
    throw error;
  });
  return bundled;
}

/** The guard is evaluated before the agent's own module, so that agent code finds no binding but its own secrets. */
export function agentModule(mainModule: string): string {
  return `import "./${GUARD_FILE}";\nimport * as agent from ${JSON.stringify(`./${mainModule}`)};\nexport { agent };\n`;
}

async function bundleAll(): Promise<OwnWorkers> {
  const [dispatch, tail, sessions, shim, guard] = await Promise.all(["dispatch", "tail", "sessions", "shim", "guard"].map(bundle));
  if (dispatch === undefined || tail === undefined || sessions === undefined || shim === undefined || guard === undefined)
    throw new Error("A Worker of ours could not be bundled.");
  const hash = createHash("sha256");
  for (const text of [dispatch, tail, sessions, shim, guard]) hash.update(text).update("\0");
  return { dispatch, tail, sessions, shim, guard, build: hash.digest("hex").slice(0, 12) };
}

/** What stands beside the shim stays an import, under the name that it is uploaded with. */
const besideTheShim: Plugin = {
  name: "beside-the-shim",
  setup(builder) {
    builder.onResolve({ filter: /^whs-(agent|guard)$/ }, ({ path }) => ({ path: `./${path}.js`, external: true }));
  },
};

async function bundle(name: string): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL(`workers/${name}.ts`, import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    target: "esnext",
    platform: "neutral",
    external: ["cloudflare:workers"],
    plugins: [besideTheShim],
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error(`Cannot bundle the Worker ${name}: no output.`);
  return output.text;
}
