/** Turns the cell's sources into what workerd reads: one configuration for all cells, and the shim's text. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { AGENT_MODULE, PORT_BINDING, PORT_MODULE, SHIM_MODULE } from "./answers.ts";
import type { CellLimits } from "./env.ts";

/** Date of the pinned workerd; agents that name none get this one too. */
export const COMPATIBILITY_DATE = "2026-11-01";

export interface CellAssembly {
  /** Compiled configuration for workerd's standard input. */
  config: Buffer;
  /** The modules that stand around an agent, by name. */
  surround(mainModule: string): Readonly<Record<string, { js: string }>>;
}

export async function assembleCell(options: { workerd: string; limits: CellLimits; maxHeapMb: number }): Promise<CellAssembly> {
  const [dispatcher, shim, template] = await Promise.all([
    bundled("dispatcher.ts"),
    bundled("shim.ts"),
    readFile(source("cell.capnp"), "utf8"),
  ]);
  const folder = await mkdtemp(join(tmpdir(), "whs-cell-"));
  try {
    await writeFile(join(folder, "dispatcher.js"), dispatcher);
    await writeFile(join(folder, "limits.json"), JSON.stringify(options.limits));
    await writeFile(
      join(folder, "cell.capnp"),
      template.replace("${maxHeapMb}", String(options.maxHeapMb)).replace("${compatibilityDate}", COMPATIBILITY_DATE),
    );
    return { config: await compile(options.workerd, folder), surround: (mainModule) => surroundings(shim, mainModule) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The port's module is evaluated before the agent's, so that agent code finds no binding but its own secrets. */
function surroundings(shim: string, mainModule: string): Readonly<Record<string, { js: string }>> {
  return {
    [SHIM_MODULE]: { js: shim },
    [AGENT_MODULE]: { js: `import "${PORT_MODULE}";\nimport * as agent from ${JSON.stringify(`./${mainModule}`)};\nexport { agent };\n` },
    [PORT_MODULE]: {
      js: `import { env } from "cloudflare:workers";\nexport const port = env.${PORT_BINDING};\ndelete env.${PORT_BINDING};\n`,
    },
  };
}

/** One self-contained module; what workerd itself provides stays an import. */
async function bundled(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [source(entry)],
    bundle: true,
    write: false,
    format: "esm",
    target: "esnext",
    platform: "neutral",
    external: ["cloudflare:workers", AGENT_MODULE, PORT_MODULE],
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error(`Cannot bundle ${entry}: no output.`);
  return output.text;
}

function compile(workerd: string, folder: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(workerd, ["compile", "--config-only", "cell.capnp"], { cwd: folder, env: {}, stdio: ["ignore", "pipe", "pipe"] });
    const output: Buffer[] = [];
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(Buffer.concat(output)) : reject(new Error(`Cannot compile the cell's configuration: ${errors}`)),
    );
  });
}

function source(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
