/** What the tests need beyond npm packages: a Chromium, bubblewrap (Linux), an OCI registry and a Redis or Valkey. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import path from "node:path";

interface Tool {
  name: string;
  /** Any of these on the PATH will do. */
  commands: readonly string[];
  /** Places outside the PATH where it may be installed. */
  paths?: readonly string[];
  platforms: readonly NodeJS.Platform[];
  debianPackage: string;
  macCommand?: string;
}

const TOOLS: readonly Tool[] = [
  {
    name: "Chromium or Chrome",
    commands: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    paths: ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"],
    platforms: ["linux", "darwin"],
    debianPackage: "chromium",
    macCommand: "brew install --cask google-chrome",
  },
  { name: "bubblewrap", commands: ["bwrap"], platforms: ["linux"], debianPackage: "bubblewrap" },
  {
    name: "docker-registry",
    commands: ["docker-registry", "registry"],
    platforms: ["linux", "darwin"],
    debianPackage: "docker-registry",
    macCommand: "go install github.com/distribution/distribution/v3/cmd/registry@latest",
  },
  {
    name: "Redis or Valkey",
    commands: ["redis-server", "valkey-server"],
    platforms: ["linux", "darwin"],
    debianPackage: "redis-server",
    macCommand: "brew install valkey",
  },
];

/** Installs what is missing where that is ours to do (root on Debian); otherwise returns one line per tool that is missing. */
export function ensureTestTools(): string[] {
  const missing = findMissing();
  if (missing.length === 0) return [];
  if (isDebian() && process.getuid?.() === 0) {
    const packages = missing.map((tool) => tool.debianPackage);
    process.stderr.write(`Installing for the tests: ${packages.join(", ")}\n`);
    aptGet(["update", "-q"]);
    aptGet(["install", "-q", "-y", "--no-install-recommends", ...packages]);
  }
  return findMissing().map((tool) => `${tool.name} is missing. Install it with: ${installCommand(tool)}`);
}

function findMissing(): Tool[] {
  return TOOLS.filter((tool) => tool.platforms.includes(process.platform) && !isPresent(tool));
}

function isPresent(tool: Tool): boolean {
  const directories = (process.env.PATH ?? "").split(path.delimiter);
  const candidates = tool.commands.flatMap((command) => directories.map((directory) => path.join(directory, command)));
  return [...candidates, ...(tool.paths ?? [])].some(isExecutable);
}

function isExecutable(file: string): boolean {
  if (!existsSync(file)) return false;
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function installCommand(tool: Tool): string {
  if (process.platform === "darwin") return tool.macCommand ?? `see ${tool.name}'s site`;
  return isDebian() ? `sudo apt-get install ${tool.debianPackage}` : `your package manager (Debian's name: ${tool.debianPackage})`;
}

function isDebian(): boolean {
  return existsSync("/etc/os-release") && /^ID=debian$/m.test(readFileSync("/etc/os-release", "utf8"));
}

function aptGet(args: readonly string[]): void {
  const result = spawnSync("apt-get", args, { stdio: ["ignore", 2, 2], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
  if (result.status !== 0) process.stderr.write(`apt-get ${args[0]} failed.\n`);
}
