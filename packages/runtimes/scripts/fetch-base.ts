/**
 * Fetches what agents' images on AgentCore stand on where no base image shall be pulled: Node from its npm package and the
 * libraries that it needs from Debian's packages, for a machine that need not be this one. Then builds the base once, so that
 * everything it needs is there and is for that machine.
 *
 *   node packages/runtimes/scripts/fetch-base.ts <folder> [arm64|amd64]
 *
 * Needs Debian with apt-get and dpkg-deb, no rights, and changes nothing outside the folder: apt gets lists, caches and a
 * status of its own there. It verifies the packages by Debian's keys; npm verifies Node by the registry's digest.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { buildBase } from "../src/agentcore/image/base.ts";

const MACHINES: Readonly<Record<string, string>> = { arm64: "arm64", amd64: "x64" };
const PACKAGES = ["libc6", "libgcc-s1", "libstdc++6"];

const [given, architecture = "arm64"] = process.argv.slice(2);
const machine = MACHINES[architecture];
if (given === undefined || machine === undefined) {
  process.stderr.write("Usage: node packages/runtimes/scripts/fetch-base.ts <folder> [arm64|amd64]\n");
  process.exit(5);
}
const folder = path.resolve(given);
const libraryRoot = path.join(folder, "libraries");

function run(program: string, args: readonly string[], cwd = folder): string {
  return execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

/** @returns names of the packages' files, with their versions. */
function fetchLibraries(): string[] {
  const [state, cache, packages] = ["apt/state", "apt/cache", "packages"].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const needed of [path.join(state, "lists/partial"), path.join(cache, "archives/partial")]) mkdirSync(needed, { recursive: true });
  for (const renewed of [packages, libraryRoot]) {
    rmSync(renewed, { recursive: true, force: true });
    mkdirSync(renewed);
  }
  const status = path.join(folder, "apt/status");
  writeFileSync(status, "");
  const settings = {
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    "APT::Sandbox::User": "",
    "Dir::State": state,
    "Dir::State::status": status,
    "Dir::Cache": cache,
  };
  const options = ["-qq", ...Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`])];
  run("apt-get", [...options, "update"]);
  run("apt-get", [...options, "download", ...PACKAGES], packages);
  const files = readdirSync(packages).toSorted();
  for (const file of files) run("dpkg-deb", ["-x", file, libraryRoot], packages);
  return files;
}

/** @returns Node's path. */
function fetchNode(): string {
  const name = `node-linux-${machine}`;
  const [packed] = JSON.parse(run("npm", ["pack", "--json", `${name}@${process.versions.node}`])) as { filename: string }[];
  if (packed === undefined) throw new Error(`npm packed no ${name}.`);
  run("tar", ["-xzf", packed.filename, "package/bin/node"]);
  return path.join(folder, "package/bin/node");
}

mkdirSync(folder, { recursive: true });
const packages = fetchLibraries();
const nodeBinary = fetchNode();
const base = await buildBase({ nodeBinary, libraryRoot, cacheDirectory: path.join(folder, "layers") });
if (base.architecture !== architecture) throw new Error(`What was fetched is for linux/${base.architecture}, not linux/${architecture}.`);
process.stdout.write(`${packages.join("\n")}
Node ${process.versions.node} for linux/${base.architecture}, layer ${base.layers[0]?.digest}
For the control plane:
AGENTCORE_NODE_BINARY=${nodeBinary}
AGENTCORE_LIBRARY_ROOT=${libraryRoot}
`);
