import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The wrapper as one module without imports but Node's own. The same sources give the same text. */
export async function assembleWrapper(): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL("main.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node24",
    legalComments: "none",
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error("Cannot bundle the wrapper: no output.");
  return output.text;
}
