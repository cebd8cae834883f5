import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createTestDatabase } from "@whs/platform/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FREE_PORTS, startStack, type Endpoints, type Stack, type StackOptions } from "../src/index.ts";
import { createDirectories } from "../src/directories.ts";
import { until } from "../src/poll.ts";
import { identify, isRunning, startTimeOf, type ProcessIdentity } from "../src/process-identity.ts";

const MAIN = path.resolve(import.meta.dirname, "../src/main.ts");
const FREE_PORT_VARIABLES = Object.fromEntries(Object.keys(FREE_PORTS).map((name) => [name, "0"]));
const DEADLINE_MS = 60_000;

let dataDir: string;
let running: Stack[];
let launched: ChildProcess[];

beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), "whs-stack-"));
  running = [];
  launched = [];
});
afterEach(async () => {
  for (const child of launched) child.kill("SIGKILL");
  for (const stack of running) await stack.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(options: Partial<StackOptions> = {}): Promise<Stack> {
  const stack = await startStack({ dataDir, ports: FREE_PORTS, processes: ["identity"], ...options });
  running.push(stack);
  return stack;
}

async function signUp(identity: string | undefined, email: string): Promise<number> {
  const body = JSON.stringify({ email, password: "a long password", name: "Someone" });
  return (await fetch(`${identity}/api/auth/sign-up/email`, { method: "POST", headers: { "content-type": "application/json" }, body }))
    .status;
}

async function signIn(identity: string | undefined, email: string): Promise<number> {
  const body = JSON.stringify({ email, password: "a long password" });
  return (await fetch(`${identity}/api/auth/sign-in/email`, { method: "POST", headers: { "content-type": "application/json" }, body }))
    .status;
}

/** The database server itself, which the stack's PostgreSQL process runs as its child; undefined while it is down. */
function runningPostmaster(directory: string): ProcessIdentity | undefined {
  try {
    const pid = Number(readFileSync(path.join(directory, "postgres", "postmaster.pid"), "utf8").split("\n")[0]);
    const startTime = startTimeOf(pid);
    return startTime === undefined ? undefined : { pid, startTime };
  } catch {
    // The file comes and goes with the server.
    return undefined;
  }
}

function postmaster(directory = dataDir): ProcessIdentity {
  const server = runningPostmaster(directory);
  if (server === undefined) throw new Error("PostgreSQL does not run");
  return server;
}

function identityOf(stack: Stack, name: "identity" | "postgres"): ProcessIdentity {
  return identify(stack.processes[name]?.pid ?? 0);
}

/** As an installation has it, with every commit on the disk. */
const synced = { environment: { ...process.env, POSTGRES_UNSYNCED: "0" } };

test("what was stored before a stop is there after the next start, and a stop leaves nothing running", async () => {
  const first = await start(synced);
  expect(JSON.parse(readFileSync(path.join(dataDir, "endpoints.json"), "utf8"))).toEqual(first.endpoints);
  expect(Object.keys(first.endpoints).toSorted()).toEqual(["identity", "postgres"]);
  expect(statSync(path.join(dataDir, "secrets.env")).mode & 0o777).toBe(0o600);
  expect(await signUp(first.endpoints.identity, "kept@example.com")).toBe(200);
  const processes = [identityOf(first, "identity"), identityOf(first, "postgres"), postmaster()];
  await first.stop();
  expect(processes.filter(isRunning)).toEqual([]);
  expect(existsSync(path.join(dataDir, "endpoints.json"))).toBe(false);
  const second = await start(synced);
  expect(await signIn(second.endpoints.identity, "kept@example.com")).toBe(200);
});

describe("a running stack", () => {
  let ownDir: string;
  let stack: Stack;
  beforeAll(async () => {
    ownDir = mkdtempSync(path.join(tmpdir(), "whs-stack-"));
    stack = await startStack({ dataDir: ownDir, ports: FREE_PORTS, processes: ["identity"], ...synced });
  });
  afterAll(async () => {
    await stack?.stop();
    rmSync(ownDir, { recursive: true, force: true });
  });
  const isBack = (name: "identity" | "postgres", before: ProcessIdentity): boolean =>
    stack.processes[name]?.state === "ready" && stack.processes[name].pid !== before.pid;

  test("refuses a second one on the same data, which does not disturb it", async () => {
    await expect(startStack({ dataDir: ownDir, ports: FREE_PORTS, processes: ["identity"] })).rejects.toThrow("already runs");
    expect(await signUp(stack.endpoints.identity, "undisturbed@example.com")).toBe(200);
    expect(existsSync(path.join(ownDir, "endpoints.json"))).toBe(true);
  });

  test("restarts a process with a new pid and the old address", async () => {
    const before = stack.processes.identity?.pid;
    const { url } = (await stack.processes.identity?.restart()) ?? {};
    expect(stack.processes.identity?.pid).not.toBe(before);
    expect(url).toBe(stack.endpoints.identity);
    expect(await signUp(url, "restarted@example.com")).toBe(200);
  });

  test("has a killed process back at the same address, and a killed database with what it had acknowledged", async () => {
    expect(await signUp(stack.endpoints.identity, "before@example.com")).toBe(200);
    for (const name of ["identity", "postgres"] as const) {
      const before = identityOf(stack, name);
      process.kill(before.pid, "SIGKILL");
      expect(await until(() => isBack(name, before), DEADLINE_MS)).toBe(true);
    }
    const recovered = until(async () => (await signIn(stack.endpoints.identity, "before@example.com")) === 200, DEADLINE_MS);
    expect(await recovered).toBe(true);
  });

  test("has a killed database server back, too", async () => {
    const before = postmaster(ownDir);
    process.kill(before.pid, "SIGKILL");
    const back = (): boolean =>
      stack.processes.postgres?.state === "ready" && (runningPostmaster(ownDir)?.pid ?? before.pid) !== before.pid;
    expect(await until(back, DEADLINE_MS)).toBe(true);
  });
});

test("a process that cannot start fails the start with its reason and leaves nothing running", async () => {
  const attempt = start({ environment: { ...process.env, IDENTITY_PUBLIC_URL: "http://id.example.com" } });
  await expect(attempt).rejects.toThrow(/Cannot start identity[^]*IDENTITY_PUBLIC_URL/);
  expect(existsSync(path.join(dataDir, "postgres", "postmaster.pid"))).toBe(false);
  expect(existsSync(path.join(dataDir, "stack.lock"))).toBe(false);
});

test("a taken port fails the start with the name of its variable", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await expect(start({ ports: { ...FREE_PORTS, IDENTITY_PORT: port } })).rejects.toThrow(`port ${port} is taken. Set IDENTITY_PORT`);
  other.close();
});

test("with a database of one's own none is started", async () => {
  const database = await createTestDatabase();
  try {
    const stack = await start({ environment: { ...process.env, DATABASE_URL: database.url } });
    expect(Object.keys(stack.processes)).toEqual(["identity"]);
    expect(stack.endpoints.postgres).toBe(database.url);
    expect(await signUp(stack.endpoints.identity, "elsewhere@example.com")).toBe(200);
    await stack.stop();
  } finally {
    await database.drop();
  }
});

test("a data directory with a long name gets a short one for its sockets, which goes at the end", async () => {
  const deep = path.join(dataDir, "x".repeat(80));
  const stack = await start({ dataDir: deep, processes: ["postgres"] });
  const run = createDirectories(deep).run;
  expect(existsSync(path.join(deep, "run"))).toBe(false);
  expect(Buffer.byteLength(run)).toBeLessThan(60);
  await stack.stop();
  expect(existsSync(run)).toBe(false);
});

/** `npm start` as a process, with only the identity server's part of the stack. */
async function launch(): Promise<{ child: ChildProcess; endpoints: Endpoints; output: () => string }> {
  const child = spawn(process.execPath, [MAIN, "identity"], {
    env: { ...process.env, ...FREE_PORT_VARIABLES, WHS_DATA_DIR: dataDir },
    stdio: ["ignore", "pipe", "pipe"],
  });
  launched.push(child);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const file = path.join(dataDir, "endpoints.json");
  const started = await until(() => child.exitCode !== null || existsSync(file), 2 * DEADLINE_MS);
  if (!started || child.exitCode !== null) throw new Error(`The stack did not start:\n${output}`);
  return { child, endpoints: JSON.parse(readFileSync(file, "utf8")), output: () => output };
}

test.each(["SIGINT", "SIGTERM"] as const)("%s stops the whole stack cleanly, with exit code 0", async (signal) => {
  const { child, output } = await launch();
  const server = postmaster();
  expect(await until(() => output().includes("Ctrl-C stops everything"), DEADLINE_MS)).toBe(true);
  child.kill(signal);
  expect(await once(child, "close")).toEqual([0, null]);
  expect(isRunning(server)).toBe(false);
  expect(output()).toContain("Stopped.");
  expect(output()).not.toMatch(/:[^/@\s]{20,}@/);
});

test("when the stack is killed its processes stop by themselves, and the next start goes on with the data", async () => {
  const { child, endpoints } = await launch();
  expect(await signUp(endpoints.identity, "survivor@example.com")).toBe(200);
  const lock: { children: ProcessIdentity[] } = JSON.parse(readFileSync(path.join(dataDir, "stack.lock"), "utf8"));
  const processes = [...lock.children, postmaster()];
  expect(processes).toHaveLength(3);
  child.kill("SIGKILL");
  expect(await until(() => processes.filter(isRunning).length === 0, DEADLINE_MS)).toBe(true);
  const next = await start();
  expect(await signIn(next.endpoints.identity, "survivor@example.com")).toBe(200);
});

test("a start right after a kill waits for what is still stopping", async () => {
  const { child, endpoints } = await launch();
  expect(await signUp(endpoints.identity, "hasty@example.com")).toBe(200);
  child.kill("SIGKILL");
  await once(child, "exit");
  const next = await start();
  expect(await signIn(next.endpoints.identity, "hasty@example.com")).toBe(200);
});
