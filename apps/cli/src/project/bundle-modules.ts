/** Makes one ES module of an agent and all that it imports, on its author's machine. Nothing of the agent is run. */
import type { AgentManifest } from "@whs/artifact";
import { build, type BuildFailure, type BuildOptions, formatMessages, type Loader, type Message, type Metafile } from "esbuild";
import path from "node:path";
import { UserError } from "../errors.ts";
import { builtinModules } from "./builtin-modules.ts";
import { ownAgentPackage } from "./own-agent-package.ts";
import type { Project } from "./read-project.ts";

export interface BundledFile {
  path: string;
  bytes: Uint8Array;
}

export interface BundledModules {
  /** The entrypoint first, then what it imports as files. */
  files: BundledFile[];
  /** Names that the entrypoint exports. */
  exports: readonly string[];
  /** Source files by their path from the project's folder, with what they take in the result. */
  sources: readonly { path: string; bytes: number }[];
  warnings: string[];
}

export const ENTRYPOINT = "agent.js";

const OUTPUT_FOLDER = "bundle";
const TEXT = [".txt", ".md", ".html", ".sql", ".css", ".csv", ".svg", ".xml", ".yaml", ".yml", ".graphql"];
const LOADERS: Record<string, Loader> = {
  ...Object.fromEntries(TEXT.map((extension) => [extension, "text" as const])),
  ".bin": "binary",
  ".wasm": "copy",
};

/** Which of a package's variants fits. */
const RUNTIME_OPTIONS: Record<AgentManifest["runtime"], BuildOptions> = {
  cloudflare: { platform: "neutral", conditions: ["workerd", "worker", "browser"], mainFields: ["browser", "module", "main"] },
  agentcore: { platform: "node", mainFields: ["module", "main"] },
};

/** @throws UserError with what the bundler found, place by place. */
export async function bundleModules({ folder, entrypoint, manifest }: Project, color: boolean): Promise<BundledModules> {
  const outdir = path.join(folder, OUTPUT_FOLDER);
  try {
    const { outputFiles, metafile, warnings } = await build({
      ...RUNTIME_OPTIONS[manifest.runtime],
      absWorkingDir: folder,
      entryPoints: { agent: entrypoint },
      outdir,
      write: false,
      bundle: true,
      format: "esm",
      target: "es2024",
      charset: "utf8",
      legalComments: "inline",
      assetNames: "[name]-[hash]",
      // Places in the agent's log are those of its sources; the sources themselves stay at home.
      sourcemap: "linked",
      sourcesContent: false,
      define: { "process.env.NODE_ENV": '"production"' },
      external: ["cloudflare:*"],
      loader: LOADERS,
      metafile: true,
      logLevel: "silent",
      plugins: [ownAgentPackage(), builtinModules()],
    });
    const files = outputFiles.map((file) => ({ path: path.relative(outdir, file.path).split(path.sep).join("/"), bytes: file.contents }));
    files.sort((a, b) => Number(b.path === ENTRYPOINT) - Number(a.path === ENTRYPOINT));
    const output = metafile.outputs[`${OUTPUT_FOLDER}/${ENTRYPOINT}`];
    if (output === undefined) throw new Error("The bundler has written no entrypoint.");
    return { files, exports: output.exports, sources: sourcesOf(metafile, output), warnings: await format(warnings, "warning", color) };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const missing = error.errors.some(({ text }) => text.startsWith("Could not resolve"));
    // The bundler's notes are advice on its own options, which nobody here can set.
    const details = (
      await format(
        error.errors.map((message) => ({ ...message, notes: [] })),
        "error",
        color,
      )
    ).flatMap((text) => text.trimEnd().split("\n"));
    throw new UserError("The agent cannot be bundled:", { details, next: missing ? ["npm install"] : [], cause: error });
  }
}

/** All that went in, even what the bundler then left out as unused. */
function sourcesOf({ inputs }: Metafile, output: Metafile["outputs"][string]): BundledModules["sources"] {
  return Object.keys(inputs).map((name) => ({ path: name, bytes: output.inputs[name]?.bytesInOutput ?? 0 }));
}

function format(messages: Message[], kind: "error" | "warning", color: boolean): Promise<string[]> {
  return formatMessages(messages, { kind, color, terminalWidth: 100 });
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors) && "warnings" in error;
}
