/** Brings node_modules to what package-lock.json says, if it is not there already. Node 20 and built-in modules only. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const LOCK = path.join(root, "package-lock.json");
const INSTALLED_LOCK = path.join(root, "node_modules", ".package-lock.json");
const STAMP = path.join(root, "node_modules", ".installed-lock-sha256");
const PINNED_NODE = path.join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");

/**
 * Installs the locked dependencies when they are absent or not those of the lock file.
 * @returns {string} path of the Node binary that package.json pins
 */
export function ensureInstalled() {
  const wanted = createHash("sha256").update(readFileSync(LOCK)).digest("hex");
  if (!isStamped(wanted)) {
    if (!existsSync(INSTALLED_LOCK)) npm("Installing dependencies …", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    // What is there already stays in place for whoever uses it at this moment.
    else if (!matchesLock()) npm("Updating dependencies …", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
    writeFileSync(STAMP, `${wanted}\n`);
  }
  if (!existsSync(PINNED_NODE)) npm("Fetching the pinned Node …", ["rebuild", "node"]);
  if (!existsSync(PINNED_NODE)) fail(`Cannot find ${PINNED_NODE}: the "node" dependency was installed without its install script.`);
  return PINNED_NODE;
}

/** @param {string} wanted */
function isStamped(wanted) {
  return existsSync(STAMP) && existsSync(INSTALLED_LOCK) && readFileSync(STAMP, "utf8").trim() === wanted;
}

/** True when someone already ran `npm install` or `npm ci` with this lock: npm's own record of the tree says the same. */
function matchesLock() {
  if (!existsSync(INSTALLED_LOCK)) return false;
  const wanted = packagesOf(LOCK);
  const installed = packagesOf(INSTALLED_LOCK);
  for (const [location, entry] of Object.entries(wanted)) {
    if (!location.includes("node_modules/")) continue;
    const present = installed[location];
    if (present === undefined ? !entry.optional : present.version !== entry.version || present.integrity !== entry.integrity) return false;
  }
  return true;
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean }>}
 */
function packagesOf(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages;
}

/**
 * @param {string} announcement
 * @param {string[]} args
 */
function npm(announcement, args) {
  process.stderr.write(`${announcement}\n`);
  const result = spawnSync("npm", args, {
    cwd: root,
    stdio: ["ignore", 2, 2],
    env: environmentOutsideProject(),
    shell: process.platform === "win32",
  });
  if (result.error !== undefined) fail(`Cannot run npm: ${result.error.message}`);
  if (result.status !== 0) fail(`npm ${args[0]} failed; its output above says why.`);
}

/**
 * The environment without node_modules/.bin, which `npm run` puts first: npm must not run on the very Node it replaces.
 * @returns {NodeJS.ProcessEnv}
 */
function environmentOutsideProject() {
  const bin = path.join("node_modules", ".bin");
  const entries = (process.env.PATH ?? "").split(path.delimiter).filter((entry) => !entry.endsWith(bin));
  return { ...process.env, PATH: entries.join(path.delimiter) };
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
