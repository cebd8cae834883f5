/** One PostgreSQL server of our own: created on first use, recovered after a crash, stopped without a trace. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execFileSync } from "node:child_process";
import { until } from "../poll.ts";
import { isFree } from "../ports.ts";
import { identify, isRunning } from "../process-identity.ts";
import { postgresBinaries, type PostgresBinaries } from "./binaries.ts";
import { handOver, initIdentity, serverIdentity, spawnAs } from "./run-as.ts";

export interface ClusterOptions {
  /** The data directory. Created, with everything in it, when it does not exist. */
  directory: string;
  /** Loopback port. */
  port: number;
  /** Of the superuser `whs`; fixed when the data directory is created. */
  password: string;
  /** For data that nobody needs again: unsynced, and the directory is deleted when the server stops. */
  throwAway?: boolean;
  /** Nothing is flushed to the disk: what was acknowledged outlives a killed server, and not a machine without power. */
  unsynced?: boolean;
}

export interface Cluster {
  /** Ends with the exit code when the server ends, whatever the reason. */
  exited: Promise<number>;
  /** `smart` lets clients finish and go first, `fast` disconnects them. */
  stop(mode: "smart" | "fast"): void;
}

export const SUPERUSER = "whs";
const MAJOR_VERSION = "18";
/** A crashed server replays its log first; that takes longer than an ordinary start of half a second. */
const START_TIMEOUT_MS = 60_000;
const ORPHAN_TIMEOUT_MS = 10_000;

export function clusterUrl(options: Pick<ClusterOptions, "port" | "password">, database: string): string {
  return `postgresql://${SUPERUSER}:${encodeURIComponent(options.password)}@127.0.0.1:${options.port}/${database}`;
}

/** Starts the server and waits until it accepts connections. @throws Error that names the cause and the variable to change */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const binaries = postgresBinaries();
  if (!existsSync(options.directory)) await initialise(binaries, options);
  const version = readFileSync(path.join(options.directory, "PG_VERSION"), "utf8").trim();
  if (version !== MAJOR_VERSION) {
    throw new Error(
      `Cannot start PostgreSQL ${MAJOR_VERSION}: ${options.directory} was created by version ${version}. Dump it with that version first.`,
    );
  }
  await removeOrphan(options.directory);
  if (!(await isFree(options.port)))
    throw new Error(`Cannot start PostgreSQL: port ${options.port} is taken. Set PG_PORT to another (0 picks a free one).`);

  const settings = Object.entries(serverSettings(options)).map(([name, value]) => `--${name}=${value}`);
  const child = spawnAs(binaries.postgres, ["-D", options.directory, ...settings], {
    identity: serverIdentity(),
    reaches: [options.directory, binaries.postgres],
    output: "inherit",
  });
  const exited = exitOf(child);
  let ended = false;
  void exited.then(() => (ended = true));
  const ready = await until(() => ended || isReady(options.directory, child.pid), START_TIMEOUT_MS);
  if (ended || !ready) {
    child.kill("SIGINT");
    throw new Error(
      `Cannot start PostgreSQL on ${options.directory}: ${ended ? "it ended at once" : "it is not ready after a minute"}; its log above says why.`,
    );
  }
  return { exited, stop: (mode) => void child.kill(mode === "smart" ? "SIGTERM" : "SIGINT") };
}

function serverSettings(options: ClusterOptions): Record<string, string | number> {
  return {
    listen_addresses: "127.0.0.1",
    port: options.port,
    // Everything goes over TCP; a socket file would lie outside the data directory.
    unix_socket_directories: "",
    max_connections: 200,
    shared_buffers: "128MB",
    max_wal_size: "2GB",
    wal_compression: "on",
    // Queries here are short; compiling them costs more than it saves.
    jit: "off",
    log_line_prefix: "%m [%p] ",
    ...(isSynced(options) ? {} : { fsync: "off", full_page_writes: "off" }),
  };
}

function isSynced({ throwAway = false, unsynced = false }: ClusterOptions): boolean {
  return !throwAway && !unsynced;
}

/** Builds the data directory beside its place and moves it there, so that a half-made one is never taken for whole. */
async function initialise(binaries: PostgresBinaries, options: ClusterOptions): Promise<void> {
  const unfinished = `${options.directory}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  const identity = initIdentity();
  const passwordDirectory = mkdtempSync(path.join(tmpdir(), "whs-initdb-"));
  const passwordFile = path.join(passwordDirectory, "password");
  writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600 });
  if (identity !== undefined) {
    for (const file of [unfinished, passwordDirectory, passwordFile]) chownSync(file, identity.uid, identity.gid);
  }
  const flags = [
    `--pgdata=${unfinished}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
  ];
  // The built-in provider sorts and folds the same on every operating system.
  flags.push("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", ...(isSynced(options) ? [] : ["--no-sync"]));
  try {
    const child = spawnAs(binaries.initdb, flags, { identity, reaches: [unfinished, binaries.initdb], output: "pipe" });
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const code = await exitOf(child);
    if (code !== 0) throw new Error(`Cannot create the database in ${options.directory}:\n${output.trim()}`);
  } finally {
    rmSync(passwordDirectory, { recursive: true, force: true });
  }
  handOver(unfinished, serverIdentity());
  renameSync(unfinished, options.directory);
}

/** After a kill -9 the pid file names a server that may still run, or a foreign process that got its number. */
async function removeOrphan(directory: string): Promise<void> {
  const pidFile = path.join(directory, "postmaster.pid");
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, "utf8").split("\n")[0]);
  if (!serves(pid, directory)) return rmSync(pidFile, { force: true });
  const orphan = identify(pid);
  process.kill(pid, "SIGINT");
  if (await until(() => !isRunning(orphan), ORPHAN_TIMEOUT_MS)) return;
  process.kill(pid, "SIGQUIT");
  if (await until(() => !isRunning(orphan), ORPHAN_TIMEOUT_MS)) return;
  throw new Error(`Cannot start PostgreSQL: process ${pid} still uses ${directory} and does not stop.`);
}

/** Whether `pid` is a PostgreSQL server on `directory`. A server's working directory is its data directory. */
function serves(pid: number, directory: string): boolean {
  try {
    if (process.platform === "linux") return readlinkSync(`/proc/${pid}/cwd`) === path.resolve(directory);
    return execFileSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" }).includes(`-D ${directory}`);
  } catch {
    // No such process, or one of another user, which cannot be a server that this user started.
    return false;
  }
}

/** The server writes its state into line 8 of the pid file (that is how pg_ctl waits, too). */
function isReady(directory: string, pid: number | undefined): boolean {
  try {
    const lines = readFileSync(path.join(directory, "postmaster.pid"), "utf8").split("\n");
    return Number(lines[0]) === pid && lines[7]?.trim() === "ready";
  } catch {
    // Not written yet.
    return false;
  }
}

async function exitOf(child: ChildProcess): Promise<number> {
  const [code]: unknown[] = await once(child, "exit");
  return typeof code === "number" ? code : 1;
}
