import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isSystemError } from "../durable-files/index.ts";
import { runCommand } from "./run-command.ts";

export interface CgroupLimits {
  memoryBytes: number;
  processes: number;
  /** Of one processor's time: 200 is two processors. Absent: unbounded. */
  cpuPercent?: number;
}

/** Control groups that this process can make and that hold what is put into them. */
export interface Cgroups {
  /** Which bounds they give. */
  memory: boolean;
  processes: boolean;
  cpu: boolean;
  /** Makes the groups of a sandbox and returns the files that a process writes its own pid to. */
  create(name: string): Promise<readonly string[]>;
  remove(name: string): Promise<void>;
}

interface Hierarchy {
  folder: string;
  limits: Readonly<Record<string, string>>;
}

const ROOT = "/sys/fs/cgroup";
/** Of the scheduler, in microseconds; the kernel's default. */
const CPU_PERIOD_US = 100_000;

/** Null, with the reason, where control groups cannot be used. `owner` keeps several servers on one machine apart. */
export async function openCgroups(owner: string, limits: CgroupLimits): Promise<{ cgroups: Cgroups | null; reason: string }> {
  if (process.platform !== "linux") return { cgroups: null, reason: "control groups exist on Linux only" };
  const { memory, processes, cpu, reason } = await findHierarchies(limits);
  const usable = [...new Set([memory, processes, cpu])].filter((hierarchy) => hierarchy !== null);
  if (usable.length === 0) return { cgroups: null, reason };
  const cgroups: Cgroups = {
    memory: memory !== null,
    processes: processes !== null,
    cpu: cpu !== null,
    create: (name) => Promise.all(usable.map((hierarchy) => createGroup(hierarchy, `whs-${owner}-${name}`))),
    remove: async (name) => {
      for (const { folder } of usable) await removeGroup(join(folder, `whs-${owner}-${name}`));
    },
  };
  return { cgroups, reason };
}

/** Words before a command: a process that is to be bounded puts itself into its groups before it becomes anything else. */
export function joinGroups(files: readonly string[]): readonly string[] {
  if (files.length === 0) return [];
  return ["/bin/sh", "-c", `${files.map((file) => `echo $$ > '${file}'`).join(" && ")} && exec "$@"`, "sh"];
}

async function findHierarchies(limits: CgroupLimits) {
  const quotaUs = limits.cpuPercent === undefined ? null : String(Math.round((limits.cpuPercent / 100) * CPU_PERIOD_US));
  const controllers = await readText(join(ROOT, "cgroup.controllers"));
  if (controllers !== null) {
    const bounds = { "memory.max": String(limits.memoryBytes), "memory.swap.max": "0", "pids.max": String(limits.processes) };
    const hasCpu = quotaUs !== null && controllers.split(/\s+/).includes("cpu");
    const withCpu = hasCpu ? await proven({ folder: ROOT, limits: { ...bounds, "cpu.max": `${quotaUs} ${CPU_PERIOD_US}` } }) : null;
    const unified = withCpu ?? (await proven({ folder: ROOT, limits: bounds }));
    return { memory: unified, processes: unified, cpu: withCpu, reason: "the control groups (v2) of this process cannot be divided" };
  }
  const memory = await proven({ folder: join(ROOT, "memory"), limits: { "memory.limit_in_bytes": String(limits.memoryBytes) } });
  const processes = await proven({ folder: join(ROOT, "pids"), limits: { "pids.max": String(limits.processes) } });
  const cpu = quotaUs === null ? null : await proven({ folder: join(ROOT, "cpu"), limits: { "cpu.cfs_quota_us": quotaUs } });
  return { memory, processes, cpu, reason: "control groups cannot be written" };
}

/** A hierarchy counts only when a real process can be put into a group of it. */
async function proven(hierarchy: Hierarchy): Promise<Hierarchy | null> {
  const name = `whs-probe-${process.pid}`;
  try {
    const tasks = await createGroup(hierarchy, name);
    const result = await runCommand("/bin/sh", ["-c", 'echo $$ > "$1"', "sh", tasks]);
    return result?.code === 0 ? hierarchy : null;
  } catch (error) {
    if (isSystemError(error, "EACCES", "EPERM", "EROFS", "ENOENT", "EBUSY", "EINVAL", "ENOTSUP", "EOPNOTSUPP")) return null;
    throw error;
  } finally {
    await removeGroup(join(hierarchy.folder, name));
  }
}

async function createGroup({ folder, limits }: Hierarchy, name: string): Promise<string> {
  const group = join(folder, name);
  await mkdir(group, { recursive: true });
  for (const [file, value] of Object.entries(limits)) {
    try {
      await writeFile(join(group, file), value);
    } catch (error) {
      // Kernels without swap accounting have no such file, and then there is nothing to bound.
      if (file !== "memory.swap.max" || !isSystemError(error, "ENOENT", "EACCES")) throw error;
    }
  }
  return join(group, "cgroup.procs");
}

async function removeGroup(group: string): Promise<void> {
  try {
    await rmdir(group);
  } catch (error) {
    // Busy: its last process is being buried; the group of the same name is used again, or removed with the next stop.
    if (!isSystemError(error, "ENOENT", "EBUSY", "EROFS", "EACCES", "EPERM")) throw error;
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT", "EACCES")) return null;
    throw error;
  }
}
