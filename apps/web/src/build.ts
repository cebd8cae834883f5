/**
 * The built app lies in `build/<fingerprint of its sources>`: a start with unchanged sources finds it there, and processes
 * that start at the same time build it once.
 */
import type { Logger } from "@whs/platform/log";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { brotliCompressSync, gzipSync } from "node:zlib";

const APP = path.resolve(import.meta.dirname, "..");
const ROOT = path.resolve(APP, "../..");
const BUILDS = path.join(APP, "build");
/** What a build is made of: our sources, those of the packages in it, and the tools that make it. */
const SOURCES = [
  "apps/web/src/**/*.{ts,tsx,css,svg}",
  "apps/web/public/**/*",
  "apps/web/*.config.ts",
  "packages/{api,artifact,platform}/src/**/*.ts",
  "examples/streaming-writer/{agent.config.json,src/*.ts}",
  "package-lock.json",
];
const LOCK_POLL_MS = 200;
/** Between taking the lock and writing down who has it. */
const LOCK_WRITTEN_AFTER_MS = 5_000;
const KEPT_BUILDS = 3;

/** @returns the folder of the build @throws Error with the bundler's words when the sources cannot be built */
export async function ensureBuilt(log: Logger): Promise<string> {
  const wanted = path.join(BUILDS, fingerprint());
  if (existsSync(wanted)) return wanted;
  mkdirSync(BUILDS, { recursive: true });
  const release = await lock(() => existsSync(wanted));
  if (release === undefined) return wanted;
  try {
    const startedAt = Date.now();
    await build(wanted);
    log.info({ durationMs: Date.now() - startedAt }, "Built the web app");
    removeOldBuilds(wanted);
    return wanted;
  } finally {
    release();
  }
}

function fingerprint(): string {
  const hash = createHash("sha256");
  const files = globSync(SOURCES, { cwd: ROOT, exclude: ["**/*.test.*"] }).toSorted();
  for (const file of files) {
    const absolute = path.join(ROOT, file);
    if (statSync(absolute).isFile()) hash.update(`${file}\0`).update(readFileSync(absolute)).update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

async function build(wanted: string): Promise<void> {
  const unfinished = `${wanted}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  const manifest = createRequire(import.meta.url).resolve("@react-router/dev/package.json");
  const cli = path.join(path.dirname(manifest), "bin.cjs");
  await promisify(execFile)(process.execPath, [cli, "build", "--logLevel", "warn"], {
    cwd: APP,
    env: { ...environmentOfBuild(), WEB_BUILD_DIRECTORY: path.relative(APP, unfinished) },
    maxBuffer: 16 * 1024 * 1024,
  });
  compress(path.join(unfinished, "client"));
  renameSync(unfinished, wanted);
}

/** Beside each file its compressed forms, as small as they get: that is paid once, by the build. */
function compress(directory: string): void {
  for (const name of globSync("**/*.{js,css,svg,txt}", { cwd: directory })) {
    const file = path.join(directory, name);
    const plain = readFileSync(file);
    writeFileSync(`${file}.br`, brotliCompressSync(plain));
    writeFileSync(`${file}.gz`, gzipSync(plain, { level: 9 }));
  }
}

/** The bundler needs to find programs and nothing of what this process knows. */
function environmentOfBuild(): NodeJS.ProcessEnv {
  return { PATH: path.dirname(process.execPath), NODE_ENV: "production", NO_COLOR: "1" };
}

/** @returns what releases the lock; undefined when `done` came true while another held it */
async function lock(done: () => boolean): Promise<(() => void) | undefined> {
  const directory = path.join(BUILDS, "lock");
  for (;;) {
    try {
      mkdirSync(directory);
      writeFileSync(path.join(directory, "pid"), String(process.pid));
      return () => rmSync(directory, { recursive: true, force: true });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    await delay(LOCK_POLL_MS);
    if (done()) return undefined;
    if (isStale(directory)) rmSync(directory, { recursive: true, force: true });
  }
}

/** Whether the process that took the lock is gone: it may have been killed in the middle of a build. */
function isStale(directory: string): boolean {
  const since = statSync(directory, { throwIfNoEntry: false })?.mtimeMs;
  if (since === undefined) return false;
  const file = path.join(directory, "pid");
  const pid = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  if (pid === 0) return Date.now() - since > LOCK_WRITTEN_AFTER_MS;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

function removeOldBuilds(current: string): void {
  const builds = readdirSync(BUILDS)
    .map((name) => path.join(BUILDS, name))
    .filter((directory) => directory !== current && !directory.endsWith("lock"))
    .toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const directory of builds.slice(KEPT_BUILDS - 1)) rmSync(directory, { recursive: true, force: true });
}
