/** Chooses how code is kept in its place on this machine, and starts it there. */
import { basename } from "node:path";
import {
  bubblewrapWords,
  type Cgroups,
  changeUser,
  chooseUser,
  findPrograms,
  type IsolationLayer,
  joinGroups,
  librariesOf,
  openCgroups,
  parentDirectories,
  type Programs,
  runCommand,
  type SandboxUser,
  SEARCH_PATH,
} from "@whs/platform/sandbox";
import { type Engine, type EngineName, openEngine } from "./containers.ts";
import { bubblewrapMounts, hostView, type Mount } from "./view.ts";

export interface SandboxOptions {
  mode: "auto" | "bubblewrap" | EngineName | "none";
  memoryMb: number;
  maxProcesses: number;
  maxFiles: number;
  /** Keeps control groups of several services apart; the same after a restart. */
  owner: string;
  /** What Docker's or podman's program needs of the environment. */
  engineEnvironment: Readonly<Record<string, string>>;
}

/** Where a sandbox's own files are, on this machine and inside. */
export const INSIDE_RUN = "/.whs/run";
export const INSIDE_INIT = "/.whs/init.cjs";
const INSIDE_LIBRARIES = "/.whs/lib";
const INSIDE_NODE = "/.whs/node";
const INSIDE_SETPRIV = "/.whs/setpriv";
const INIT = new URL("./init.cjs", import.meta.url).pathname;
/** Of one file, which bounds what a session can fill a disk with at once. */
const MAX_FILE_BYTES = 1024 * 1024 * 1024;
const SCRATCH_BYTES = 512 * 1024 * 1024;

export interface SandboxPlan {
  layers: readonly IsolationLayer[];
  isolated: boolean;
  /** Whether a sandbox is reached by its standard input and output, in place of sockets. */
  byStdio: boolean;
  /** Of the program that `command` names. */
  environment: Readonly<Record<string, string>>;
  /** Words that run our Node inside. */
  node: readonly string[];
  /** The user that must own what a sandbox may write to; null: ours. */
  uid: number | null;
  /** Whether a Node program may load the init into its own process. */
  hosts: boolean;
  /** Program and arguments that run the init of a sandbox. */
  command(name: string, place: SandboxPlace): Promise<{ file: string; args: readonly string[] }>;
  release(name: string): Promise<void>;
}

export interface SandboxPlace {
  /** What is seen of the file system. */
  view: readonly Mount[];
  /** What is mounted after all else. */
  mounts: readonly Mount[];
  runDir: string;
  /** Directories that may be written to, by where they are seen. */
  writable: Readonly<Record<string, string>>;
  /** Absent: the init runs the program, in a process of its own. */
  node?: NodeProgram;
}

/** A Node program that loads the init into its own process, which spares the start of another Node. Only where `hosts` says so. */
export interface NodeProgram {
  argv: readonly [file: string, ...args: readonly string[]];
  /** What Node reads before it runs any code. Others can see it: no secrets. */
  startEnvironment: Readonly<Record<string, string>>;
  workingDirectory: string;
}

/** Bubblewrap first, Docker or podman second, no sandbox last. @throws Error when `mode` demands one that cannot be used. */
export async function planSandboxes(options: SandboxOptions): Promise<SandboxPlan> {
  if (options.mode === "docker" || options.mode === "podman") {
    const engine = await openEngine(options.mode, { ...options, scratchBytes: SCRATCH_BYTES, environment: options.engineEnvironment });
    if (typeof engine === "string") throw new Error(`AGENTCORE_LOCAL_SANDBOX is ${options.mode}, but ${engine}`);
    return containerPlan(engine, options);
  }
  const programs = await findPrograms(["bwrap", "setpriv", "prlimit", "ldd"]);
  const { cgroups, reason } = await openCgroups(options.owner, {
    memoryBytes: options.memoryMb * 1024 * 1024,
    processes: options.maxProcesses,
  });
  const user = chooseUser(programs, "sessions", "service");
  const bubblewrap = await tryBubblewrap(options, programs, user);
  if (options.mode === "bubblewrap" && bubblewrap.toolkit === null)
    throw new Error(`AGENTCORE_LOCAL_SANDBOX is bubblewrap, but ${bubblewrap.detail}`);
  if (options.mode === "auto" && bubblewrap.toolkit === null) {
    const engine = await anyEngine(options);
    if (engine !== null) return containerPlan(engine, options);
  }
  const limits = limitWords(options, programs, cgroups);
  const isolated = bubblewrap.toolkit !== null;
  return {
    isolated,
    byStdio: false,
    hosts: isolated,
    environment: {},
    node: bubblewrap.toolkit?.node ?? [process.execPath],
    layers: describeLayers(options, { programs, cgroups, user, isolated, detail: bubblewrap.detail, reason }),
    uid: isolated ? user.uid : null,
    command: async (name, place) => {
      const groups = cgroups === null ? [] : await cgroups.create(name);
      const inside = bubblewrap.toolkit === null ? [process.execPath, INIT] : bubblewrapCommand(bubblewrap.toolkit, place);
      const [file = "", ...args] = [...joinGroups(groups), ...limits, ...inside];
      return { file, args };
    },
    release: async (name) => cgroups?.remove(name),
  };
}

async function anyEngine(options: SandboxOptions): Promise<Engine | null> {
  for (const name of ["docker", "podman"] as const) {
    const engine = await openEngine(name, { ...options, scratchBytes: SCRATCH_BYTES, environment: options.engineEnvironment });
    if (typeof engine !== "string") return engine;
  }
  return null;
}

function containerPlan(engine: Engine, { memoryMb, maxProcesses, maxFiles, engineEnvironment }: SandboxOptions): SandboxPlan {
  const on = (layer: IsolationLayer["layer"], detail: string): IsolationLayer => ({ layer, active: true, detail });
  return {
    isolated: true,
    byStdio: true,
    hosts: false,
    environment: { PATH: SEARCH_PATH, ...engineEnvironment },
    node: engine.node,
    uid: engine.uid,
    layers: [
      on("sandbox per session", "one container for each session, of runtimes and of tools"),
      on("network", "sessions reach the network through the egress proxy only"),
      on("unprivileged user", `sessions run as user ${engine.uid ?? process.getuid?.()}`),
      on("filesystem and namespaces", engine.detail),
      on("memory limit", `${engine.name}: ${memoryMb} MB`),
      on("process limit", `${engine.name}: ${maxProcesses} threads`),
      on("open files limit", `${engine.name}: ${maxFiles} files`),
    ],
    command: async (name, place) => {
      const [file = "", ...args] = await engine.command(name, place);
      return { file, args };
    },
    release: (name) => engine.release(name),
  };
}

/** Programs of ours that a sandbox runs before the image's: brought along with their libraries, whatever the image has. */
interface Toolkit {
  bwrap: string;
  user: SandboxUser;
  mounts: readonly string[];
  /** Words that run Node inside. */
  node: readonly string[];
  /** Words before a command inside that make a user without rights of us. */
  dropRights: readonly string[];
}

function bubblewrapCommand(toolkit: Toolkit, place: SandboxPlace): readonly string[] {
  return [
    bubblewrapWords(toolkit.bwrap, { root: toolkit.user.uid !== null }),
    bubblewrapMounts(place.view),
    ["--proc", "/proc", "--dev", "/dev"],
    ["--perms", "1777", "--size", String(SCRATCH_BYTES), "--tmpfs", "/tmp", "--perms", "0755", "--size", "1048576", "--tmpfs", "/run"],
    toolkit.mounts,
    bubblewrapMounts(place.mounts),
    parentDirectories(Object.keys(place.writable)),
    Object.entries(place.writable).flatMap(([inside, outside]) => ["--bind", outside, inside]),
    ["--bind", place.runDir, INSIDE_RUN, "--remount-ro", "/"],
    place.node === undefined
      ? ["--chdir", "/", "--", ...toolkit.dropRights, ...toolkit.node, INSIDE_INIT]
      : hostedProgram(toolkit, place.node),
  ].flat();
}

function hostedProgram({ dropRights }: Toolkit, { argv, startEnvironment, workingDirectory }: NodeProgram): readonly string[] {
  const [file, ...args] = argv;
  const environment = Object.entries(startEnvironment).flatMap(([name, value]) => ["--setenv", name, value]);
  return [...environment, "--chdir", workingDirectory, "--", ...dropRights, file, "--require", INSIDE_INIT, ...args];
}

async function tryBubblewrap(options: SandboxOptions, programs: Programs, user: SandboxUser) {
  const off = (detail: string) => ({ toolkit: null, detail });
  if (options.mode === "none") return off("switched off by AGENTCORE_LOCAL_SANDBOX=none");
  const { bwrap, ldd } = programs;
  if (bwrap === undefined) return off("bubblewrap is missing: on Debian, apt-get install bubblewrap");
  if (ldd === undefined) return off("ldd is missing, so that the libraries of Node cannot be found");
  const toolkit = await assembleToolkit(bwrap, ldd, programs.setpriv, user);
  const place = { view: await hostView(), mounts: [], runDir: "/", writable: {} };
  const words = bubblewrapCommand(toolkit, place).slice(1, -1);
  const probe = await runCommand(bwrap, [...words.with(words.indexOf(INSIDE_RUN) - 2, "--ro-bind"), "--version"]);
  if (probe?.code === 0)
    return {
      toolkit,
      detail: "bubblewrap: own mount, process, network, IPC and host name spaces, the image as a read-only root, no capabilities",
    };
  return off(`bubblewrap cannot be used here: ${probe?.stderr.trim().split("\n")[0] ?? "it does not start"}`);
}

async function assembleToolkit(bwrap: string, ldd: string, setpriv: string | undefined, user: SandboxUser): Promise<Toolkit> {
  const asRoot = user.uid !== null && setpriv !== undefined;
  const libraries = new Set([...(await librariesOf(ldd, process.execPath)), ...(asRoot ? await librariesOf(ldd, setpriv) : [])]);
  const byName = new Map([...libraries].map((path) => [basename(path), path]));
  const loader = [...byName.keys()].find((name) => name.startsWith("ld-"));
  const throughLoader = loader === undefined ? [] : [`${INSIDE_LIBRARIES}/${loader}`, "--library-path", INSIDE_LIBRARIES];
  // Loaders of the C library musl have other names and no such option; Node is linked for them differently anyway.
  const mounts = [
    ["--perms", "0755", "--tmpfs", "/.whs", "--perms", "0755", "--dir", INSIDE_LIBRARIES],
    ["--ro-bind", process.execPath, INSIDE_NODE, "--ro-bind", INIT, INSIDE_INIT],
    asRoot ? ["--ro-bind", setpriv, INSIDE_SETPRIV] : [],
    [...byName].flatMap(([name, path]) => ["--ro-bind", path, `${INSIDE_LIBRARIES}/${name}`]),
  ].flat();
  const dropRights = asRoot ? [...throughLoader, INSIDE_SETPRIV, "--no-new-privs", ...changeUser(user), "--"] : [];
  const node = [...throughLoader, INSIDE_NODE];
  return { bwrap, user, mounts, node, dropRights };
}

function limitWords({ memoryMb, maxFiles }: SandboxOptions, programs: Programs, cgroups: Cgroups | null): readonly string[] {
  if (programs.prlimit === undefined) return [];
  // Without control groups each process is bounded; Node takes half a gigabyte of address space before it has any data.
  const data = cgroups?.memory === true ? [] : [`--data=${(memoryMb + 512) * 1024 * 1024}`];
  return [programs.prlimit, `--nofile=${maxFiles}`, `--fsize=${MAX_FILE_BYTES}`, "--core=0", ...data, "--"];
}

interface Chosen {
  programs: Programs;
  cgroups: Cgroups | null;
  user: SandboxUser;
  isolated: boolean;
  detail: string;
  reason: string;
}

function describeLayers(options: SandboxOptions, { programs, cgroups, user, isolated, detail, reason }: Chosen): IsolationLayer[] {
  const limited = programs.prlimit !== undefined;
  const uncontained = "sessions run unisolated, as ordinary processes of this service's user";
  return [
    {
      layer: "sandbox per session",
      active: isolated,
      detail: isolated ? "one sandbox for each session, of runtimes and of tools" : uncontained,
    },
    {
      layer: "network",
      active: isolated,
      detail: isolated ? "sessions reach the network through the egress proxy only" : "sessions share this machine's network",
    },
    isolated
      ? { layer: "unprivileged user", active: user.active, detail: user.detail }
      : { layer: "unprivileged user", active: false, detail: uncontained },
    { layer: "filesystem and namespaces", active: isolated, detail },
    cgroups?.memory === true
      ? { layer: "memory limit", active: true, detail: `control group: ${options.memoryMb} MB` }
      : { layer: "memory limit", active: limited, detail: `${reason}; ${limited ? "prlimit bounds each process" : "prlimit is missing"}` },
    cgroups?.processes === true
      ? { layer: "process limit", active: true, detail: `control group: ${options.maxProcesses} threads` }
      : { layer: "process limit", active: false, detail: reason },
    { layer: "open files limit", active: limited, detail: limited ? `${options.maxFiles} files` : "prlimit (util-linux) is missing" },
  ];
}
