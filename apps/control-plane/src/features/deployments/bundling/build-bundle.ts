import { availableParallelism } from "node:os";
import type { AgentManifest } from "@whs/artifact";
import type { BuiltBundle } from "@whs/runtimes";
import { BundleBuildError, type BuildFinding } from "./build-error.ts";
import { buildReplySchema, READY, type BuildReply, type BuildRequest } from "./build-protocol.ts";
import type { BuildSandbox } from "./build-sandbox.ts";
import { type RunResult, startBuild, type StartedBuild } from "./run-build.ts";

export { BundleBuildError, formatFinding, type BuildFinding } from "./build-error.ts";
export { openBuildSandbox, type BuildSandbox } from "./build-sandbox.ts";

export interface BuildLimits {
  /** Memory of each of the child's processes. */
  memoryMb: number;
  /** All files that the entrypoint reaches. */
  maxSourceBytes: number;
  /** The built modules as they come back. */
  maxOutputBytes: number;
}

const MIB = 1024 * 1024;
/** Workers may have 64 MB of modules before compression; the rest is room for base64. */
export const BUILD_LIMITS: Readonly<BuildLimits> = { memoryMb: 1024, maxSourceBytes: 64 * MIB, maxOutputBytes: 96 * MIB };

export interface BuildInput {
  /** What `extract` of `@whs/artifact` has made. */
  extractedDir: string;
  manifest: AgentManifest;
  /** `sha256:…` of the uploaded archive. */
  checksum: string;
  signal?: AbortSignal;
  timeoutMs: number;
  sandbox: BuildSandbox;
  limits?: Partial<BuildLimits>;
  /** By `startBundler` with the same directory and time. Default: one that is started now. */
  started?: StartedBuild | undefined;
}

export interface Built {
  bundle: BuiltBundle;
  /** Where each place of the main module comes from, in JSON. */
  sourceMap: string;
  /** For the deploy log. */
  warnings: readonly BuildFinding[];
}

const MAIN_MODULE = "agent.js";
const CONDITIONS: Readonly<Record<AgentManifest["runtime"], readonly string[]>> = {
  cloudflare: ["workerd", "worker", "browser"],
  agentcore: ["node"],
};

/**
 * Strips types and joins the modules of a bundle to one, in a child process that executes nothing of it.
 * @throws BundleBuildError what the author has to change; the signal's reason; an ordinary
 * error when the child cannot be run.
 */
export async function buildBundle(input: BuildInput): Promise<Built> {
  const { sandbox, extractedDir, timeoutMs, signal } = input;
  const limits = { ...BUILD_LIMITS, ...input.limits };
  signal?.throwIfAborted();
  const started = input.started ?? startBundler(sandbox, extractedDir, timeoutMs, limits);
  const { entrypoint, runtime } = input.manifest;
  const request: BuildRequest = {
    ...sandbox.seen(extractedDir),
    entrypoint,
    conditions: CONDITIONS[runtime],
    mainModule: MAIN_MODULE,
    maxSourceBytes: limits.maxSourceBytes,
  };
  const result = await started.finish(JSON.stringify(request), timeoutMs, signal);
  const reply = readReply(result);
  if (reply === null || reply.outcome === "stopped") throw exhausted(entrypoint, result, input.timeoutMs, limits);
  if (reply.outcome === "refused") throw new BundleBuildError(reply.findings.map(definedOnly));
  const wasm = Object.entries(reply.wasm).map(([name, base64]) => [name, { type: "wasm", base64 }] as const);
  const modules: BuiltBundle["modules"] = { [MAIN_MODULE]: { type: "esm", text: reply.text }, ...Object.fromEntries(wasm) };
  return {
    bundle: { mainModule: MAIN_MODULE, modules, checksum: input.checksum },
    sourceMap: reply.sourceMap,
    warnings: reply.warnings.map(definedOnly),
  };
}

/** Starts the child that bundles what `extractedDir` will hold by the time that it is told to. */
export function startBundler(
  sandbox: BuildSandbox,
  extractedDir: string,
  timeoutMs: number,
  limits: Readonly<BuildLimits> = BUILD_LIMITS,
): StartedBuild {
  // Ends the child where we cannot, because we were killed ourselves.
  const cpuSeconds = availableParallelism() * (Math.ceil(timeoutMs / 1000) + 1);
  return startBuild(sandbox.plan(extractedDir, { memoryMb: limits.memoryMb, cpuSeconds }), limits.maxOutputBytes);
}

/** Null when the child was ended before it could answer. @throws when it never ran, or answers what it cannot. */
function readReply({ ending, code, signal, stdout, stderr }: RunResult): BuildReply | null {
  const started = stdout.subarray(0, READY.length).toString() === READY;
  if (!started && ending === "exit") throw new Error(`Cannot run the bundler: it ended with ${signal ?? `code ${code}`}. ${stderr}`.trim());
  if (ending !== "exit" || code !== 0) return null;
  return buildReplySchema.parse(JSON.parse(stdout.subarray(READY.length).toString()));
}

function exhausted(entrypoint: string, { ending, signal, stderr }: RunResult, timeoutMs: number, limits: BuildLimits): BundleBuildError {
  const cause = new Error(`The bundler ended: ${signal ?? ending}. ${stderr}`.trim());
  return new BundleBuildError([{ file: entrypoint, message: exhaustion(ending, signal, timeoutMs, limits) }], { cause });
}

function exhaustion(ending: RunResult["ending"], signal: RunResult["signal"], timeoutMs: number, limits: BuildLimits): string {
  if (ending === "timeout" || signal === "SIGXCPU")
    return `bundling takes more than ${timeoutMs / 1000} seconds, which is the limit; bundle and minify with \`whs build\``;
  if (ending === "too-much-output")
    return `the built modules have more than ${Math.floor(limits.maxOutputBytes / MIB)} MiB, which is the limit`;
  return `bundling needs more than ${limits.memoryMb} MiB of memory, which is the limit; the sources are too large or too deeply nested`;
}

/** Without fields that are undefined, as the exact optional types want it. */
function definedOnly({
  file,
  line,
  column,
  message,
}: {
  file: string;
  line?: number | undefined;
  column?: number | undefined;
  message: string;
}): BuildFinding {
  return { file, message, ...(line === undefined ? {} : { line }), ...(column === undefined ? {} : { column }) };
}
