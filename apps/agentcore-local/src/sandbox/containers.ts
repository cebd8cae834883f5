/** Docker or podman around a session, where bubblewrap cannot be used: reached by standard input and output alone. */
import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { basename } from "node:path";
import { findPrograms, librariesOf, runCommand, SANDBOX_UID } from "@whs/platform/sandbox";
import { type Mount, hostView } from "./view.ts";

export type EngineName = "docker" | "podman";

export interface ContainerLimits {
  memoryMb: number;
  maxProcesses: number;
  maxFiles: number;
  scratchBytes: number;
  /** Keeps containers of several services apart; the same after a restart. */
  owner: string;
  /** What the engine's own program needs of the environment to find its daemon and its files. */
  environment: Readonly<Record<string, string>>;
}

export interface Engine {
  name: EngineName;
  detail: string;
  /** The user that must own what a container may write to; null: ours. */
  uid: number | null;
  /** Words that run Node inside. */
  node: readonly string[];
  command(name: string, place: ContainerPlace): Promise<readonly string[]>;
  release(name: string): Promise<void>;
}

export interface ContainerPlace {
  view: readonly Mount[];
  mounts: readonly Mount[];
  writable: Readonly<Record<string, string>>;
}

/** Nothing: all that a container sees is mounted, as it is for bubblewrap. */
const EMPTY_IMAGE = "localhost/whs-empty:1";
/** Two blocks of zeros end an archive. */
const EMPTY_ARCHIVE = Buffer.alloc(1024);
const INSIDE = { node: "/.whs/node", libraries: "/.whs/lib", init: "/.whs/init.cjs", bridge: "/.whs/stdio-bridge.cjs" };
const HERE = new URL(".", import.meta.url).pathname;
/** The engine mounts its own over them. */
const ENGINES_OWN = new Set(["hosts", "hostname", "resolv.conf", "mtab"]);
/** Of all containers together, since the system counts them by user; what bounds one is its control group. */
const USER_PROCESSES = 16_384;
const START_MS = 60_000;
const REMOVE_MS = 30_000;

/** What runs inside: a container is stopped as a whole when its program ends. */
interface Inside {
  toolkit: readonly Mount[];
  node: readonly string[];
}

/** @returns why not, where the engine is missing or cannot run a container. */
export async function openEngine(name: EngineName, limits: ContainerLimits): Promise<Engine | string> {
  const { [name]: program, ldd } = await findPrograms([name, "ldd"]);
  if (program === undefined) return `${name} is missing`;
  if (ldd === undefined) return "ldd is missing, so that the libraries of Node cannot be found";
  const run = (args: readonly string[], timeoutMs: number) => runCommand(program, args, timeoutMs, limits.environment);
  const failed = await importEmptyImage(program, limits.environment);
  if (failed !== null) return `${name} cannot be used here: ${failed}`;
  await removeContainers(run, ["--filter", `label=whs.sandboxes=${limits.owner}`]);
  const inside = await assembleInside(ldd);
  const uid = process.getuid?.() === 0 ? SANDBOX_UID : null;
  const words = (sandbox: string, place: ContainerPlace) => containerWords({ program, name, uid, limits, inside, sandbox }, place);
  const probe = { view: await hostView(), mounts: [], writable: {} };
  const [, ...args] = await words("probe", probe);
  const result = await run([...args.slice(0, -1), "--version"], START_MS);
  if (result?.code !== 0) return `${name} cannot be used here: ${firstLine(result?.stderr)}`;
  return {
    name,
    detail: `${name}: a container for each session without a network, the image as a read-only root, no capabilities, reached by its standard input and output`,
    uid,
    node: inside.node,
    command: words,
    release: (sandbox) => removeContainers(run, ["--filter", `name=^${containerName(limits.owner, sandbox)}$`]),
  };
}

interface Order {
  program: string;
  name: EngineName;
  uid: number | null;
  limits: ContainerLimits;
  inside: Inside;
  sandbox: string;
}

/** The engine's program and all its arguments. */
export async function containerWords(
  { program, name, uid, limits, inside, sandbox }: Order,
  { view, mounts, writable }: ContainerPlace,
): Promise<readonly string[]> {
  const user = uid ?? process.getuid?.() ?? SANDBOX_UID;
  const seen = (await Promise.all(view.map(withoutEnginesOwn))).flat();
  return [
    [program, "run", "--interactive", "--rm", "--init=false", "--pull=never"],
    ["--name", containerName(limits.owner, sandbox), "--label", `whs.sandboxes=${limits.owner}`],
    ["--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", `--user=${user}:${user}`],
    // Without it a user who is not root would be another inside, who could not write to what is ours.
    name === "podman" && uid === null ? ["--userns=keep-id"] : [],
    [`--memory=${limits.memoryMb}m`, `--memory-swap=${limits.memoryMb}m`, `--pids-limit=${limits.maxProcesses}`],
    // Said, since defaults may be above what this service itself may have.
    [`--ulimit=nofile=${limits.maxFiles}:${limits.maxFiles}`, `--ulimit=nproc=${USER_PROCESSES}:${USER_PROCESSES}`],
    ["--ulimit=core=0:0", `--tmpfs=/tmp:rw,exec,mode=1777,size=${limits.scratchBytes}`, "--log-driver=none"],
    [...seen, ...inside.toolkit, ...mounts].flatMap(({ at, from }) => (from === null ? [] : ["--mount", bind(from, at, ",readonly")])),
    Object.entries(writable).flatMap(([at, from]) => ["--mount", bind(from, at, "")]),
    ["--workdir=/", `--entrypoint=${inside.node[0] ?? ""}`, EMPTY_IMAGE, ...inside.node.slice(1), INSIDE.init],
  ].flat();
}

/** @throws Error for a path that the engine would read as something else. */
function bind(from: string, at: string, more: string): string {
  if (/[,"\n]/.test(from + at)) throw new Error(`Cannot mount ${from}: a comma, quote or line break is in its name.`);
  return `type=bind,source=${from},target=${at}${more}`;
}

/** The engine keeps files of its own in /etc, which needs a directory of its own for it. */
async function withoutEnginesOwn(mount: Mount): Promise<readonly Mount[]> {
  if (mount.at !== "/etc" || mount.from === null) return [mount];
  const entries = await readdir(mount.from, { withFileTypes: true });
  return entries
    .filter((entry) => !ENGINES_OWN.has(entry.name) && !entry.isSymbolicLink())
    .map((entry) => ({ at: `/etc/${entry.name}`, from: `${mount.from}/${entry.name}` }));
}

async function assembleInside(ldd: string): Promise<Inside> {
  const libraries = new Map((await librariesOf(ldd, process.execPath)).map((path) => [basename(path), path]));
  const loader = [...libraries.keys()].find((library) => library.startsWith("ld-"));
  return {
    toolkit: [
      { at: INSIDE.node, from: process.execPath },
      { at: INSIDE.init, from: `${HERE}init.cjs` },
      { at: INSIDE.bridge, from: `${HERE}stdio-bridge.cjs` },
      ...[...libraries].map(([library, from]) => ({ at: `${INSIDE.libraries}/${library}`, from })),
    ],
    node: loader === undefined ? [INSIDE.node] : [`${INSIDE.libraries}/${loader}`, "--library-path", INSIDE.libraries, INSIDE.node],
  };
}

function containerName(owner: string, sandbox: string): string {
  return `whs-${owner}-${sandbox}`;
}

type Run = (args: readonly string[], timeoutMs: number) => ReturnType<typeof runCommand>;

/** Whatever a killed program of the engine, or a killed service, has left. */
async function removeContainers(run: Run, filter: readonly string[]): Promise<void> {
  const listed = await run(["ps", "--all", "--quiet", "--no-trunc", ...filter], REMOVE_MS);
  const ids = listed?.stdout.split("\n").filter((line) => line !== "") ?? [];
  if (ids.length > 0) await run(["rm", "--force", ...ids], REMOVE_MS);
}

/** @returns why not. */
function importEmptyImage(program: string, environment: Readonly<Record<string, string>>): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(program, ["import", "-", EMPTY_IMAGE], { env: environment, stdio: ["pipe", "ignore", "pipe"], timeout: START_MS });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    child.on("error", (error) => resolve(error.message)).on("close", (code) => resolve(code === 0 ? null : firstLine(said)));
    // It may have ended before it has read anything; its exit code says so.
    child.stdin.on("error", () => undefined).end(EMPTY_ARCHIVE);
  });
}

function firstLine(text = ""): string {
  return text.trim().split("\n")[0] || "it does not start";
}
