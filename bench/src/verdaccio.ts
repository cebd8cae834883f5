import { execFile, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

/** A package registry of one's own, as people run it, for comparison. It is installed for the run alone. */
export interface Verdaccio {
  url: string;
  stop(): Promise<void>;
}

const version = "6.10.4";
const startTimeoutMs = 120_000;
const topics = ["invoice", "support", "calendar", "translation", "review", "weather", "travel", "recipe", "report", "security"];

/** @returns undefined when it cannot be installed here */
export async function startVerdaccio(dataDir: string, packages: number): Promise<Verdaccio | undefined> {
  const directory = path.join(dataDir, "verdaccio");
  await mkdir(directory, { recursive: true });
  // It asks for node-fetch by a tag that not every registry has.
  const manifest = { private: true, dependencies: { verdaccio: version }, overrides: { "node-fetch": "2.7.0" } };
  await writeFile(path.join(directory, "package.json"), JSON.stringify(manifest));
  try {
    await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund"], { cwd: directory });
  } catch (error) {
    console.error(`Verdaccio cannot be installed here: ${error instanceof Error ? error.message.slice(0, 200) : "failed"}`);
    return undefined;
  }
  await fill(path.join(directory, "storage"), packages);
  const port = await freePort();
  await writeFile(
    path.join(directory, "config.yaml"),
    [
      "storage: ./storage",
      "uplinks: {}",
      "packages:",
      "  '**':",
      "    access: $all",
      "auth: {}",
      "log: { type: stdout, format: json, level: fatal }",
      "",
    ].join("\n"),
  );
  const child = spawn(
    process.execPath,
    [path.join(directory, "node_modules/verdaccio/bin/verdaccio"), "--config", "config.yaml", "--listen", `127.0.0.1:${port}`],
    {
      cwd: directory,
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await gone;
  };
  for (const until = performance.now() + startTimeoutMs; performance.now() < until; await delay(250)) {
    if (child.exitCode !== null) break;
    const up = await fetch(`${url}/-/ping`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (up) return { url, stop };
  }
  await stop();
  console.error("Verdaccio does not start here");
  return undefined;
}

/** Packages with words like those of the generated listings, in the registry's own layout. */
async function fill(storage: string, packages: number): Promise<void> {
  await mkdir(storage, { recursive: true });
  const names = Array.from({ length: packages }, (_, index) => `${topics[index % topics.length]}-agent-${index}`);
  for (let start = 0; start < names.length; start += 500)
    await Promise.all(names.slice(start, start + 500).map((name) => writePackage(storage, name)));
  await writeFile(path.join(storage, ".verdaccio-db.json"), JSON.stringify({ list: names, secret: "0123456789abcdef0123456789abcdef" }));
}

async function writePackage(storage: string, name: string): Promise<void> {
  const directory = path.join(storage, name);
  await mkdir(directory, { recursive: true });
  const time = "2026-01-01T00:00:00.000Z";
  const release = {
    name,
    version: "1.0.0",
    description: `A helper for ${name.split("-")[0]}`,
    keywords: ["agent"],
    dist: { shasum: "", tarball: "" },
  };
  const manifest = {
    name,
    versions: { "1.0.0": release },
    time: { created: time, modified: time, "1.0.0": time },
    "dist-tags": { latest: "1.0.0" },
    users: {},
    _uplinks: {},
    _distfiles: {},
    _attachments: {},
    _rev: "1-0",
    _id: name,
    readme: "",
  };
  await writeFile(path.join(directory, "package.json"), JSON.stringify(manifest));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
