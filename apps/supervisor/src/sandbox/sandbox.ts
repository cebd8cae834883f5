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
  userPrefix,
} from "@whs/platform/sandbox";

/** Address space that workerd takes for itself before any agent is loaded; a bound on data must leave it room. */
const WORKERD_DATA_MB = 548;
const INSIDE_RUN = "/cell/run";
const INSIDE_STORAGE = "/cell/storage";
const INSIDE_WORKERD = "/workerd";

export interface SandboxOptions {
  mode: "auto" | "bubblewrap" | "none";
  workerd: string;
  memoryMb: number;
  maxProcesses: number;
  cpuPercent: number;
  maxFiles: number;
  /** Keeps control groups of several supervisors apart. */
  owner: string;
  /** A directory that cells must be able to reach, for trying it out. */
  probeDir: string;
}

export interface CellPlace {
  /** Short name that is a hash of the tenant. */
  name: string;
  /** Host directories with the cell's sockets and with its storage. */
  runDir: string;
  storageDir: string;
}

export interface Sandbox {
  layers: readonly IsolationLayer[];
  /** The user that must own a cell's directories; null: ours. */
  cellUid: number | null;
  /** Program and arguments that start workerd in its place. The paths in `serve` are those that workerd will see. */
  command(
    place: CellPlace,
    serve: (seen: { runDir: string; storageDir: string }) => readonly string[],
  ): Promise<{ file: string; args: readonly string[] }>;
  release(name: string): Promise<void>;
}

/** @throws Error when `mode` demands bubblewrap and it cannot be used. */
export async function planSandbox(options: SandboxOptions): Promise<Sandbox> {
  const tools = await findPrograms(["bwrap", "setpriv", "prlimit", "ldd"]);
  const { cgroups, reason } = await openCgroups(options.owner, {
    memoryBytes: options.memoryMb * 1024 * 1024,
    processes: options.maxProcesses,
    cpuPercent: options.cpuPercent,
  });
  const wanted = chooseUser(tools, "cells", "supervisor");
  const bubblewrap = await tryBubblewrap(options, tools, wanted);
  const user = bubblewrap.prefix === null ? await reachableUser(options, tools, wanted) : wanted;
  if (options.mode === "bubblewrap" && bubblewrap.prefix === null)
    throw new Error(`WHS_CELL_SANDBOX is bubblewrap, but ${bubblewrap.detail}`);
  const limits = limitPrefix(options, tools, cgroups);
  const plan = { options, tools, cgroups, user, bubblewrap, limits };
  return {
    layers: describeLayers(plan, reason),
    cellUid: user.uid,
    command: (place, serve) => command(plan, place, serve),
    release: async (name) => cgroups?.remove(name),
  };
}

interface Plan {
  options: SandboxOptions;
  tools: Programs;
  cgroups: Cgroups | null;
  user: SandboxUser;
  bubblewrap: Bubblewrap;
  limits: readonly string[];
}
interface Bubblewrap {
  prefix: ((place: CellPlace) => readonly string[]) | null;
  detail: string;
}

async function command(
  { options, tools, cgroups, user, bubblewrap, limits }: Plan,
  place: CellPlace,
  serve: (seen: { runDir: string; storageDir: string }) => readonly string[],
) {
  const groupFiles = cgroups === null ? [] : await cgroups.create(place.name);
  const inside =
    bubblewrap.prefix === null
      ? [...userPrefix(tools, user), options.workerd, ...serve(place)]
      : [...bubblewrap.prefix(place), INSIDE_WORKERD, ...serve({ runDir: INSIDE_RUN, storageDir: INSIDE_STORAGE })];
  const words = [...joinGroups(groupFiles), ...limits, ...inside];
  const [file = options.workerd, ...args] = words;
  return { file, args };
}

function limitPrefix({ memoryMb, maxFiles }: SandboxOptions, tools: Programs, cgroups: Cgroups | null): readonly string[] {
  if (tools.prlimit === undefined) return [];
  const data = cgroups?.memory === true ? [] : [`--data=${(WORKERD_DATA_MB + memoryMb) * 1024 * 1024}`];
  return [tools.prlimit, `--nofile=${maxFiles}`, "--core=0", ...data, "--"];
}

/** Without bubblewrap's own view of the file system, the other user must be able to reach workerd and its directories. */
async function reachableUser({ workerd, probeDir }: SandboxOptions, tools: Programs, user: SandboxUser): Promise<SandboxUser> {
  if (user.uid === null || tools.setpriv === undefined) return user;
  const result = await runCommand(tools.setpriv, [
    ...changeUser(user),
    "--",
    "/bin/sh",
    "-c",
    'test -x "$1" && test -x "$2"',
    "sh",
    workerd,
    probeDir,
  ]);
  if (result?.code === 0) return user;
  return {
    uid: null,
    active: false,
    detail: `cells run as root: user ${user.uid} cannot reach ${workerd} or ${probeDir}; chmod o+x on the directories above them mends it`,
  };
}

async function tryBubblewrap(options: SandboxOptions, tools: Programs, user: SandboxUser): Promise<Bubblewrap> {
  if (options.mode === "none") return { prefix: null, detail: "switched off by WHS_CELL_SANDBOX=none" };
  const { bwrap, ldd, setpriv } = tools;
  if (bwrap === undefined) return { prefix: null, detail: "bubblewrap is missing: on Debian, apt-get install bubblewrap" };
  if (ldd === undefined) return { prefix: null, detail: "ldd is missing, so that workerd's libraries cannot be found" };
  const libraries = new Set([
    ...(await librariesOf(ldd, options.workerd)),
    ...(setpriv === undefined ? [] : await librariesOf(ldd, setpriv)),
  ]);
  const prefix = (place: CellPlace) => bubblewrapPrefix(bwrap, options.workerd, [...libraries], place, user, setpriv);
  const [, ...args] = [...prefix({ name: "probe", runDir: options.probeDir, storageDir: options.probeDir }), INSIDE_WORKERD, "--version"];
  const probe = await runCommand(bwrap, args);
  if (probe?.code === 0)
    return {
      prefix,
      detail: "bubblewrap: own mount, process, network, IPC and host name spaces, read-only root with workerd and its libraries only",
    };
  return { prefix: null, detail: `bubblewrap cannot be used here: ${probe?.stderr.trim().split("\n")[0] ?? "it does not start"}` };
}

function bubblewrapPrefix(
  bwrap: string,
  workerd: string,
  libraries: readonly string[],
  place: CellPlace,
  user: SandboxUser,
  setpriv: string | undefined,
): readonly string[] {
  const root = user.uid !== null && setpriv !== undefined;
  return [
    bubblewrapWords(bwrap, { root }),
    parentDirectories([...libraries, INSIDE_RUN]),
    ["--ro-bind", workerd, INSIDE_WORKERD],
    root ? ["--ro-bind", setpriv, "/setpriv"] : [],
    libraries.flatMap((library) => ["--ro-bind", library, library]),
    ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
    ["--bind", place.runDir, INSIDE_RUN, "--bind", place.storageDir, INSIDE_STORAGE],
    ["--remount-ro", "/", "--chdir", "/", "--"],
    // Bubblewrap's own first process stays root and dies with us, and with it everything in its process name space; a
    // process of another user could not be told by a parent without rights.
    root ? ["/setpriv", "--no-new-privs", ...changeUser(user), "--"] : [],
  ].flat();
}

function describeLayers({ options, tools, cgroups, user, bubblewrap }: Plan, cgroupReason: string): IsolationLayer[] {
  const limited = tools.prlimit !== undefined;
  return [
    { layer: "process per tenant", active: true, detail: "one workerd process for each tenant" },
    { layer: "isolate per deployment", active: true, detail: "one V8 isolate for each deployment" },
    {
      layer: "network",
      active: true,
      detail: `agents reach the network through the egress proxy only${bubblewrap.prefix === null ? "; workerd itself shares the host's network" : ""}`,
    },
    { layer: "unprivileged user", active: user.active, detail: user.detail },
    { layer: "filesystem and namespaces", active: bubblewrap.prefix !== null, detail: bubblewrap.detail },
    cgroups?.memory === true
      ? { layer: "memory limit", active: true, detail: `control group: ${options.memoryMb} MB` }
      : {
          layer: "memory limit",
          active: limited,
          detail: `${cgroupReason}; ${limited ? `prlimit bounds data to ${WORKERD_DATA_MB + options.memoryMb} MB` : "prlimit is missing"}`,
        },
    cgroups?.processes === true
      ? { layer: "process limit", active: true, detail: `control group: ${options.maxProcesses} threads` }
      : { layer: "process limit", active: false, detail: cgroupReason },
    cgroups?.cpu === true
      ? { layer: "cpu limit", active: true, detail: `control group: ${options.cpuPercent} % of one processor` }
      : { layer: "cpu limit", active: false, detail: cgroupReason },
    { layer: "open files limit", active: limited, detail: limited ? `${options.maxFiles} files` : "prlimit (util-linux) is missing" },
  ];
}
