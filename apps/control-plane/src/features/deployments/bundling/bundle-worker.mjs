/**
 * The child process that bundles. It runs without network and sees nothing but the extracted bundle, Node, esbuild and
 * `@whs/agent`; where there is no sandbox, the checks below alone keep imports inside. It parses the bundle and executes none of
 * it. JavaScript, so that Node starts it without stripping types first: that is a third of the time of a small build.
 */
import { createHash } from "node:crypto";
import { readFileSync, realpathSync, statSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { basename, dirname, extname, join, relative, sep } from "node:path";

/** @import { BuildRequest, BuildReply } from "./build-protocol.ts" */
/** @import { BuildFinding } from "./build-error.ts" */
/** @import { Message, OnLoadArgs, OnLoadResult, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from "esbuild" */

const MAX_FINDINGS = 50;
const MAX_MESSAGE_CHARS = 500;
const AGENT = "whs-agent";
const REQUIRED_BUILTIN = "required-builtin";
const ADVICE = "; bundle dependencies with `whs build`";
/** Marks the resolutions that the plugin itself asks esbuild for. */
const INNER = Symbol("inner");
/** Files of these kinds are imported as their text. */
const TEXT = [
  ".txt",
  ".text",
  ".md",
  ".html",
  ".htm",
  ".sql",
  ".css",
  ".csv",
  ".xml",
  ".svg",
  ".yaml",
  ".yml",
  ".toml",
  ".graphql",
  ".gql",
  ".prompt",
];
/** Of these kinds of files esbuild looks for the comment. */
const MAY_HAVE_SOURCE_MAP = new Set([".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"]);
const SOURCE_MAP_COMMENT = /\/[/*][#@]\s*sourceMappingURL=([^\s'"`*]+)/g;
const EXPORTS_OF_AN_AGENT = ["default", "invoke", "fetch"];

process.stdout.write("ready\n");
/** @type {typeof import("esbuild")} */
const esbuild = createRequire(import.meta.url)(process.argv[2] ?? "");
// Starts its process before there is anything to build. What fails here fails in the build again, which tells of it.
await esbuild.transform("").catch(() => undefined);
/** @type {BuildRequest} */
const request = JSON.parse(readFileSync(0, "utf8"));
const root = realpathSync(request.bundleDir);
const agentDir = dirname(realpathSync(request.agentEntry));
/** @type {Record<string, string>} */
const wasm = {};
let sourceBytes = 0;

process.stdout.write(JSON.stringify(await bundle()), () => process.exit(0));

/** @returns {Promise<BuildReply>} */
async function bundle() {
  const entry = join(root, request.entrypoint);
  if (!statSync(entry, { throwIfNoEntry: false })?.isFile())
    return refused([{ file: request.entrypoint, message: "the entrypoint is not in the bundle" }]);
  try {
    const result = await esbuild.build(options(entry));
    const output = result.metafile.outputs[request.mainModule];
    if (!output?.exports.some((name) => EXPORTS_OF_AN_AGENT.includes(name))) return refused([missingExport(output?.exports ?? [])]);
    return {
      outcome: "built",
      text: textOf(result.outputFiles, request.mainModule),
      sourceMap: textOf(result.outputFiles, `${request.mainModule}.map`),
      wasm,
      warnings: result.warnings.slice(0, MAX_FINDINGS).map(findingOf),
    };
  } catch (error) {
    const errors = messagesOf(error);
    return errors === null ? { outcome: "stopped" } : refused(errors.slice(0, MAX_FINDINGS).map(findingOf));
  }
}

/**
 * @param {readonly import("esbuild").OutputFile[]} files
 * @param {string} name
 */
function textOf(files, name) {
  return files.find((file) => basename(file.path) === name)?.text ?? "";
}

/**
 * @param {string} entry
 * @returns {import("esbuild").BuildOptions & { metafile: true, write: false }}
 */
function options(entry) {
  return {
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: join(root, request.mainModule),
    allowOverwrite: true,
    write: false,
    bundle: true,
    metafile: true,
    format: "esm",
    platform: "neutral",
    target: "esnext",
    // Neither runtime's engine has them yet.
    supported: { decorators: false },
    mainFields: ["module", "main"],
    conditions: [...request.conditions],
    // The import source is set by a comment in the file, where it is not React.
    jsx: "automatic",
    charset: "utf8",
    logLevel: "silent",
    logLimit: MAX_FINDINGS,
    // Replaces every tsconfig.json of the bundle, which could name files anywhere.
    tsconfigRaw: "{}",
    // Where each place of the result comes from, through the bundle's own source maps. `guard` lets no comment name another file.
    sourcemap: "external",
    sourcesContent: false,
    loader: Object.fromEntries(TEXT.map((extension) => [extension, "text"])),
    plugins: [insideOnly()],
  };
}

/** @returns {Plugin} */
function insideOnly() {
  return {
    name: "inside-only",
    setup(build) {
      build.onResolve({ filter: /.*/ }, (args) => (args.pluginData === INNER ? undefined : resolve(build, args)));
      build.onLoad({ filter: /.*/, namespace: AGENT }, ({ path }) => ({
        contents: readFileSync(join(agentDir, path), "utf8"),
        loader: "ts",
      }));
      build.onLoad({ filter: /.*/, namespace: REQUIRED_BUILTIN }, ({ path }) => ({
        contents: `import builtin from ${JSON.stringify(path)};\nmodule.exports = builtin;`,
        loader: "js",
      }));
      // Whatever way a path was found (glob imports and package maps do not pass through `resolve`), it is read only here.
      build.onLoad({ filter: /.*/, namespace: "file" }, guard);
    },
  };
}

/**
 * @param {PluginBuild} build
 * @param {OnResolveArgs} args
 * @returns {Promise<OnResolveResult>}
 */
async function resolve(build, args) {
  const { path, kind, importer } = args;
  if (kind === "entry-point") return isInside(path) ? { path: realpathSync(path) } : refusal("the entrypoint leaves the bundle");
  if (args.namespace === AGENT) return { path: join(dirname(importer), path), namespace: AGENT };
  if (path === "@whs/agent") return { path: basename(request.agentEntry), namespace: AGENT };
  if (path.startsWith("cloudflare:")) return { path, external: true };
  if (isBuiltin(path) && !path.startsWith("#")) return builtin(path.startsWith("node:") ? path : `node:${path}`, kind, args.namespace);
  if (/^[a-z][a-z0-9+.-]*:/i.test(path) && !path.startsWith("data:"))
    return refusal(`cannot import "${path}": only the bundle's own files, node:* and cloudflare:* can be imported${ADVICE}`);
  return resolveFile(build, args);
}

/**
 * @param {string} path
 * @param {OnResolveArgs["kind"]} kind
 * @param {string} namespace
 * @returns {OnResolveResult}
 */
function builtin(path, kind, namespace) {
  // An ES module has no `require` at run time: the built-in is imported for it.
  return kind === "require-call" && namespace !== REQUIRED_BUILTIN ? { path, namespace: REQUIRED_BUILTIN } : { path, external: true };
}

/**
 * @param {PluginBuild} build
 * @param {OnResolveArgs} args
 * @returns {Promise<OnResolveResult>}
 */
async function resolveFile(build, { path, kind, importer, namespace, resolveDir, with: attributes }) {
  const [, bare = path, isWasm] = /^(.*?(\.wasm)?)(?:\?(?:module|init))?$/s.exec(path) ?? [];
  const wanted = isWasm === undefined ? path : bare;
  const found = await build.resolve(wanted, { kind, importer, namespace, resolveDir, with: attributes, pluginData: INNER });
  if (found.errors.length > 0) return refusal(`cannot find "${path}" in the bundle${adviceFor(path)}`);
  if (found.namespace !== "file") return found;
  if (!isInside(found.path)) return refusal(`"${path}" leaves the bundle${ADVICE}`);
  if (extname(found.path) !== ".wasm") return found;
  if (kind === "require-call") return refusal(`"${path}" is WebAssembly: import it instead of requiring it`);
  return overSourceLimit(found.path) ?? { path: `./${wasmModule(found.path)}`, external: true };
}

/** @param {string} path */
function adviceFor(path) {
  if (path.startsWith("/")) return "; use a path relative to the importing file";
  if (/^\.\.?\//.test(path)) return "";
  if (path.startsWith("@whs/agent/")) return '; import from "@whs/agent" itself';
  return /^[@~]\//.test(path) ? "; path aliases of tsconfig.json are not read here: use a relative path, or `whs build`" : ADVICE;
}

/** Keeps the bytes, and gives the name under which the runtime will find them. @param {string} path */
function wasmModule(path) {
  const bytes = readFileSync(path);
  const stem = basename(path, ".wasm")
    .replaceAll(/[^A-Za-z0-9_-]/g, "_")
    .slice(0, 60);
  const name = `wasm-${stem}-${createHash("sha256").update(bytes).digest("hex").slice(0, 12)}.wasm`;
  wasm[name] = bytes.toString("base64");
  return name;
}

/**
 * @param {OnLoadArgs} args
 * @returns {OnLoadResult | undefined}
 */
function guard({ path }) {
  if (!isInside(path)) return refusal(`an import leaves the bundle${ADVICE}`);
  return overSourceLimit(path) ?? withoutForeignSourceMap(path);
}

/**
 * esbuild reads the source map that a comment names by itself: it may be in the comment, or in the bundle, and nowhere else.
 * @param {string} path
 * @returns {OnLoadResult | undefined}
 */
function withoutForeignSourceMap(path) {
  if (!MAY_HAVE_SOURCE_MAP.has(extname(path))) return undefined;
  const text = readFileSync(path, "utf8");
  let isChanged = false;
  const contents = text.replaceAll(SOURCE_MAP_COMMENT, (comment, url) => {
    if (url.startsWith("data:") || isOwnSourceMap(path, url)) return comment;
    isChanged = true;
    return comment.replaceAll("sourceMappingURL", "");
  });
  return isChanged ? { contents, loader: "default" } : undefined;
}

/**
 * @param {string} path
 * @param {string} url
 */
function isOwnSourceMap(path, url) {
  if (!/^[\w./-]+$/.test(url)) return false;
  const map = join(dirname(path), url);
  return isInside(map) && overSourceLimit(map) === undefined;
}

/** Counts a file before it is read. @param {string} path */
function overSourceLimit(path) {
  sourceBytes += statSync(path).size;
  const limit = request.maxSourceBytes;
  return sourceBytes > limit
    ? refusal(`with this file the imported files have more than ${limit / 1024 / 1024} MiB, which is the limit`)
    : undefined;
}

/** Symbolic links are followed before the comparison. @param {string} path */
function isInside(path) {
  try {
    return `${realpathSync(path)}${sep}`.startsWith(`${root}${sep}`);
  } catch {
    // Not there, or not to be followed: not inside.
    return false;
  }
}

/**
 * @param {string} text
 * @returns {{ errors: { text: string }[] }}
 */
function refusal(text) {
  return { errors: [{ text }] };
}

/**
 * @param {BuildFinding[]} findings
 * @returns {BuildReply}
 */
function refused(findings) {
  return { outcome: "refused", findings };
}

/**
 * @param {readonly string[]} exported
 * @returns {BuildFinding}
 */
function missingExport(exported) {
  const instead = exported.length === 0 ? "nothing" : exported.slice(0, 10).join(", ");
  return {
    file: request.entrypoint,
    message: `must export an agent, as in "export default defineAgent({ … })", or a handler named fetch; it exports ${instead}`.slice(
      0,
      MAX_MESSAGE_CHARS,
    ),
  };
}

/**
 * Null when esbuild's own process ended.
 * @param {unknown} error
 * @returns {Message[] | null}
 */
function messagesOf(error) {
  if (!(error instanceof Error) || !("errors" in error) || !Array.isArray(error.errors)) return null;
  return error.errors;
}

/**
 * @param {Message} message
 * @returns {BuildFinding}
 */
function findingOf({ text, location }) {
  const message = text.replaceAll(`${root}${sep}`, "").replaceAll(root, ".").slice(0, MAX_MESSAGE_CHARS);
  const isOutside = location !== null && !isInside(join(root, location.file));
  // A message about a file outside could quote it.
  if (isOutside && !location.file.startsWith(`${AGENT}:`))
    return { file: request.entrypoint, message: `an import leaves the bundle${ADVICE}` };
  if (location === null) return { file: request.entrypoint, message };
  const before = Buffer.from(location.lineText).subarray(0, location.column).toString();
  return { file: relative(".", location.file), line: Math.max(1, location.line), column: before.length + 1, message };
}
