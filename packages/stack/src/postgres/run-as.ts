/**
 * Which operating-system user PostgreSQL runs as. It refuses to run as root, so that root hands it to an unprivileged
 * user id that needs no account: nothing outside the data directory changes.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chownSync, existsSync, lchownSync, readdirSync, statSync } from "node:fs";
import path from "node:path";

/** Owner of the database files when root starts PostgreSQL. Any id that no account has will do. */
const SERVER_ID = 54_329;

export interface Identity {
  uid: number;
  gid: number;
}

/** The server's user, or undefined when this process is not root and can run it as itself. */
export function serverIdentity(): Identity | undefined {
  return process.getuid?.() === 0 ? { uid: SERVER_ID, gid: SERVER_ID } : undefined;
}

/** `initdb` insists on a user that has an account; `nobody` exists everywhere. */
export function initIdentity(): Identity | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

/** Gives a directory and all in it to `identity`. */
export function handOver(directory: string, identity: Identity | undefined): void {
  if (identity === undefined) return;
  chownSync(directory, identity.uid, identity.gid);
  for (const entry of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    lchownSync(path.join(directory, entry), identity.uid, identity.gid);
  }
}

export interface SpawnAs {
  identity: Identity | undefined;
  /** Paths that the program must be able to reach: folders above them may be closed to other users (/root is). */
  reaches: readonly string[];
  /** Where standard output and error go: a pipe, or this process's own standard error. */
  output: "pipe" | "inherit";
}

/** Starts a program as another user, with leave to pass closed folders above `reaches` if (and only if) there are any. */
export function spawnAs(command: string, args: readonly string[], options: SpawnAs): ChildProcess {
  const output = options.output === "pipe" ? "pipe" : 2;
  const spawnOptions = { stdio: ["ignore", output, output] as ["ignore", "pipe" | 2, "pipe" | 2] };
  const { identity } = options;
  if (identity === undefined) return spawn(command, args, spawnOptions);
  const closed = options.reaches.map((file) => closedParent(file, identity)).find((folder) => folder !== undefined);
  if (closed === undefined) return spawn(command, args, { ...spawnOptions, ...identity });
  if (!existsSync("/usr/bin/setpriv")) {
    throw new Error(
      `Cannot run PostgreSQL as root from inside ${closed}, which is closed to other users: run as an ordinary user, or set DATABASE_URL.`,
    );
  }
  const capability = "+dac_read_search";
  const drop = [
    `--reuid=${identity.uid}`,
    `--regid=${identity.gid}`,
    "--clear-groups",
    `--inh-caps=${capability}`,
    `--ambient-caps=${capability}`,
  ];
  return spawn("/usr/bin/setpriv", [...drop, "--", command, ...args], spawnOptions);
}

/** The first folder above `file` that `identity` may not pass, if any. */
function closedParent(file: string, identity: Identity): string | undefined {
  const parent = path.dirname(file);
  if (parent === file) return undefined;
  const above = closedParent(parent, identity);
  if (above !== undefined) return above;
  const { uid, gid, mode } = statSync(parent);
  const passBit = uid === identity.uid ? 0o100 : gid === identity.gid ? 0o010 : 0o001;
  return (mode & passBit) === 0 ? parent : undefined;
}
