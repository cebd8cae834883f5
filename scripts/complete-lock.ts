/**
 * Adds to package-lock.json the optional packages of other platforms that npm left out because the registry in use did
 * not offer them: `npm ci` refuses a lock file without them, on every platform. Run it after each `npm install`.
 * `--check` changes nothing and fails when entries are missing.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./install.mjs";

interface LockEntry {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  link?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

export interface LockFile {
  packages: Record<string, LockEntry>;
}

const EXACT_VERSION = /^\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/;

/** Words in the names of platform packages, and what npm calls the same. */
const SYSTEMS: Record<string, string> = {
  aix: "aix",
  android: "android",
  darwin: "darwin",
  freebsd: "freebsd",
  linux: "linux",
  netbsd: "netbsd",
  openbsd: "openbsd",
  openharmony: "openharmony",
  sunos: "sunos",
  win32: "win32",
  windows: "win32",
};
const PROCESSORS: Record<string, string> = {
  "64": "x64",
  arm: "arm",
  arm64: "arm64",
  ia32: "ia32",
  loong64: "loong64",
  ppc64: "ppc64",
  riscv64: "riscv64",
  s390x: "s390x",
  wasm32: "wasm32",
  x64: "x64",
};

/** Entries that the lock file should have and has not, by their place. They have no integrity: nobody here has seen the package. */
export function missingEntries(lock: LockFile): Record<string, LockEntry> {
  const missing: Record<string, LockEntry> = {};
  for (const [location, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (isResolvable(lock, location, name)) continue;
      if (!EXACT_VERSION.test(version))
        throw new Error(`Cannot complete the lock file: ${name} is wanted as "${version}", which is not one version.`);
      const { cpu, libc, os } = platformOf(name);
      // In npm's own order, which it would restore with the next install.
      const found = { version, cpu, dev: entry.dev, libc, optional: true, os };
      missing[`node_modules/${name}`] = Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
    }
  }
  return missing;
}

/** Looks where Node would: in the package's own node_modules, then in those of the folders above. */
function isResolvable(lock: LockFile, location: string, name: string): boolean {
  for (let folder = location; ; folder = path.posix.dirname(folder)) {
    const base = folder === "." ? "" : folder;
    if (!base.endsWith("node_modules") && path.posix.join(base, "node_modules", name) in lock.packages) return true;
    if (base === "") return false;
  }
}

function platformOf(name: string): Pick<LockEntry, "os" | "cpu" | "libc"> {
  const words = name.slice(name.lastIndexOf("/") + 1).split("-");
  const system = words.map((word) => SYSTEMS[word]).find((word) => word !== undefined);
  const processor = words.map((word) => PROCESSORS[word]).findLast((word) => word !== undefined);
  if (system === undefined && processor === undefined)
    throw new Error(`Cannot complete the lock file: the name ${name} does not say its platform.`);
  const libc = words.some((word) => word.startsWith("musl")) ? "musl" : words.some((word) => word.startsWith("gnu")) ? "glibc" : undefined;
  return {
    ...(processor === undefined ? {} : { cpu: [processor] }),
    ...(system === undefined ? {} : { os: [system] }),
    ...(libc === undefined || system !== "linux" ? {} : { libc: [libc] }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = path.join(root, "package-lock.json");
  const lock: LockFile = JSON.parse(readFileSync(file, "utf8"));
  const missing = missingEntries(lock);
  const names = Object.keys(missing);
  if (process.argv.includes("--check")) {
    process.stdout.write(names.map((name) => `${name} is missing in package-lock.json: run node scripts/complete-lock.ts\n`).join(""));
    process.exit(names.length === 0 ? 0 : 1);
  }
  const byLocation = Object.entries({ ...lock.packages, ...missing }).toSorted(([a], [b]) => a.localeCompare(b, "en"));
  writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(byLocation) }, null, 2)}\n`);
  process.stdout.write(`${names.length} entries added\n`);
}
