import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Bounds of the child process, whatever the bundle holds. */
export interface ProcessLimits {
  /** Data of each of the two processes, Node and esbuild. V8 counts 512 MiB of reserved code space, so 700 is the least. */
  memoryMb: number;
  cpuSeconds: number;
}

/** Where bundles are built. `detail` belongs into the start log. */
export interface BuildSandbox {
  /** False: a separate process with an empty environment, whose imports are checked, but with the rights of this one. */
  sandboxed: boolean;
  detail: string;
  /** How to start the child. */
  plan(bundleDir: string, limits: ProcessLimits): BuildPlan;
  /** The paths as the child sees them. */
  seen(bundleDir: string): { bundleDir: string; agentEntry: string };
}
export interface BuildPlan {
  file: string;
  args: readonly string[];
  environment: Readonly<Record<string, string>>;
}

export interface BuildSandboxOptions {
  /** Path of bubblewrap; null: do without. Default: where distributions put it. */
  bubblewrap?: string | null;
}

interface Tools {
  node: string;
  worker: string;
  agentEntry: string;
  /** esbuild's `lib/main.js`, and the native program that it drives. */
  esbuild: string;
  esbuildBinary: string;
}

const run = promisify(execFile);
const USUAL_PATHS = ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"];
const NOBODY = "65534";
const PROBE_TIMEOUT_MS = 10_000;
/** Names inside the sandbox. */
const INSIDE = {
  node: "/whs/node",
  worker: "/whs/bundle-worker.mjs",
  agent: "/whs/agent",
  esbuild: "/whs/esbuild/lib/main.js",
  esbuildBinary: "/whs/esbuild/bin/esbuild",
  bundle: "/bundle",
};

/** Tries the sandbox once. Never throws for a missing one: the answer says what is missing. */
export async function openBuildSandbox(options: BuildSandboxOptions = {}): Promise<BuildSandbox> {
  const tools = locateTools();
  const bubblewrap = options.bubblewrap === undefined ? await findBubblewrap() : options.bubblewrap;
  if (bubblewrap === null) return unsandboxed(tools, "bubblewrap is missing: on Debian, apt-get install bubblewrap");
  const isolation = bubblewrapArguments(tools);
  try {
    await run(bubblewrap, [...isolation, "--", INSIDE.node, "--version"], { env: {}, timeout: PROBE_TIMEOUT_MS, killSignal: "SIGKILL" });
  } catch (error) {
    return unsandboxed(tools, `bubblewrap cannot be used here: ${firstLine(error)}`);
  }
  return {
    sandboxed: true,
    detail: "bubblewrap: no network, own name spaces, no capabilities, read-only view of the bundle, Node and esbuild alone",
    plan: (bundleDir, limits) => ({
      ...limited(limits, [
        bubblewrap,
        ...isolation,
        "--ro-bind",
        bundleDir,
        INSIDE.bundle,
        "--remount-ro",
        "/",
        "--chdir",
        INSIDE.bundle,
        "--",
        INSIDE.node,
        ...nodeArguments(INSIDE.worker, INSIDE.esbuild),
      ]),
      environment: { ESBUILD_BINARY_PATH: INSIDE.esbuildBinary },
    }),
    seen: () => ({ bundleDir: INSIDE.bundle, agentEntry: join(INSIDE.agent, basename(tools.agentEntry)) }),
  };
}

function unsandboxed(tools: Tools, reason: string): BuildSandbox {
  return {
    sandboxed: false,
    detail: `bundles are parsed in a separate process without a sandbox; ${reason}`,
    plan: (_bundleDir, limits) => ({
      ...limited(limits, [tools.node, ...nodeArguments(tools.worker, tools.esbuild)]),
      environment: { ESBUILD_BINARY_PATH: tools.esbuildBinary },
    }),
    seen: (bundleDir) => ({ bundleDir, agentEntry: tools.agentEntry }),
  };
}

function nodeArguments(worker: string, esbuild: string): string[] {
  return ["--no-warnings", "--max-old-space-size=256", worker, esbuild];
}

/** The shell sets the bounds, which every later process inherits; systems that do not know one go on without it. */
function limited(limits: ProcessLimits, command: readonly string[]): Pick<BuildPlan, "file" | "args"> {
  const script = `ulimit -c 0; ulimit -d ${limits.memoryMb * 1024} 2>/dev/null; ulimit -t ${limits.cpuSeconds} 2>/dev/null; exec "$@"`;
  return { file: "/bin/sh", args: ["-c", script, "sh", ...command] };
}

/** Everything but the bundle: an empty root, and in it the programs with just the libraries that they load. */
function bubblewrapArguments(tools: Tools): string[] {
  const binds = [
    ...loadedLibraries().map((path) => [path, path]),
    [tools.node, INSIDE.node],
    [tools.worker, INSIDE.worker],
    [dirname(tools.agentEntry), INSIDE.agent],
    [tools.esbuild, INSIDE.esbuild],
    [tools.esbuildBinary, INSIDE.esbuildBinary],
  ];
  return [
    "--unshare-all",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
    "--uid",
    NOBODY,
    "--gid",
    NOBODY,
    "--dev",
    "/dev",
    ...binds.flatMap(([from = "", to = ""]) => ["--ro-bind", from, to]),
  ];
}

/** The child runs the same Node as we do, so it needs the libraries that we have loaded. */
function loadedLibraries(): string[] {
  const { sharedObjects = [] } = process.report.getReport() as { sharedObjects?: string[] };
  return sharedObjects.filter((path) => path.startsWith("/") && !path.endsWith(".node"));
}

function locateTools(): Tools {
  const esbuild = createRequire(import.meta.url).resolve("esbuild");
  return {
    node: process.execPath,
    worker: fileURLToPath(new URL("bundle-worker.mjs", import.meta.url)),
    agentEntry: fileURLToPath(import.meta.resolve("@whs/agent")),
    esbuild,
    esbuildBinary: createRequire(esbuild).resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`),
  };
}

async function findBubblewrap(): Promise<string | null> {
  if (process.platform !== "linux") return null;
  for (const path of USUAL_PATHS) {
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return null;
}

function firstLine(error: unknown): string {
  const text =
    error instanceof Error && "stderr" in error && typeof error.stderr === "string" && error.stderr !== "" ? error.stderr : String(error);
  return text.trim().split("\n")[0] ?? "it does not start";
}
