import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * The wrapper as one module that needs nothing but Node's own; the same sources give the same text. In CommonJS, since an import
 * of `node:http` asks for all that it exports, which loads clients that no container needs to start.
 */
export async function assembleWrapper(): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL("main.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "cjs",
    define: { "import.meta.dirname": "__dirname" },
    platform: "node",
    target: "node24",
    legalComments: "none",
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error("Cannot bundle the wrapper: no output.");
  return output.text;
}
