import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { existsSync } from "node:fs";
import { chown, mkdir, rm } from "node:fs/promises";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { basename, join } from "node:path";
import { closeServer } from "@whs/platform/sandbox";
import { buildConnector, Pool } from "undici";
import type { EgressProxy } from "./egress-proxy.ts";
import { readLines } from "./line-reader.ts";
import { freePort, untilListening } from "./ports.ts";
import { INSIDE_RUN, type NodeProgram, type SandboxPlan } from "./sandbox.ts";
import { NOWHERE, pinSocket } from "./pinned-socket.ts";
import { bridgeSockets } from "./stdio-sockets.ts";
import type { Mount } from "./view.ts";

/** A program that is to run in a sandbox of its own and to listen on a port. */
export interface SandboxOrder {
  /** Whose list of allowed hosts applies; null: there is no way out. */
  agentId: string | null;
  view: readonly Mount[];
  /** What is mounted after all else. */
  mounts?: readonly Mount[];
  /** Where the program's root is on this machine, for machines without sandboxes; null: it is this machine's own. */
  root: string | null;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  workingDirectory: string;
  port: number;
  /** Directories that may be written to, by where they are seen. */
  writable: Readonly<Record<string, string>>;
  onLine: (line: string) => void;
}

export interface SandboxSurroundings {
  plan: SandboxPlan;
  egress: EgressProxy;
  /** Holds the sockets' directories. */
  runDir: string;
  slots: Slots;
}

/** Names of sandboxes: short, and used again, so that what a killed service left behind is taken over. */
export class Slots {
  private readonly taken = new Set<string>();

  take(): string {
    for (let number = 0; ; number += 1) {
      const name = `s${number}`;
      if (this.taken.has(name)) continue;
      this.taken.add(name);
      return name;
    }
  }

  free(name: string): void {
    this.taken.delete(name);
  }
}

/** Inside, where the way out is. */
const EGRESS_PORT = 3128;
const TERMINATE_MS = 2_000;
/** Connections to one session; more requests wait for one of them. */
const MAX_CONNECTIONS = 64;
const RESPONSE_MS = 15 * 60_000;

export class RunningSandbox {
  /** To the program's port. */
  readonly pool: Pool;
  /** Resolves, with how it ended, when the process is gone and everything of it is cleared away. */
  readonly ended: Promise<string>;
  private readonly child: ChildProcess;
  private readonly control: Writable;
  private readonly place: { path: string } | { port: number };

  private constructor(child: ChildProcess, pool: Pool, { control, place }: Surrounded, ended: Promise<string>) {
    this.child = child;
    this.pool = pool;
    this.control = control;
    this.place = place;
    this.ended = ended;
  }

  /** A connection of its own to the program's port. */
  connect(): Socket {
    return connect({ host: "127.0.0.1", ...this.place });
  }

  /** Returns at once; requests wait until the program listens, or fail when it ends. */
  static async start(order: SandboxOrder, surroundings: SandboxSurroundings): Promise<RunningSandbox> {
    return surroundings.plan.isolated ? startIsolated(order, surroundings) : startUnisolated(order, surroundings);
  }

  static of(child: ChildProcess, surrounded: Surrounded): RunningSandbox {
    const { control, place, outputs, clearAway, onLine } = surrounded;
    const pool =
      "path" in place
        ? new Pool("http://localhost", { connect: (to, done) => buildConnector({ socketPath: place.path })(to, done), ...POOL })
        : new Pool(`http://127.0.0.1:${place.port}`, POOL);
    for (const stream of outputs) readLines(stream, onLine);
    control.on("error", () => child.kill("SIGKILL"));
    const ended = new Promise<string>((resolve) => {
      child.on("error", (error) => resolve(`it could not be started: ${error.message}`));
      child.on("close", (code, signal) => resolve(signal === null ? `it ended with code ${code}` : `it ended by ${signal}`));
    }).then(async (how) => {
      await pool.destroy();
      await clearAway();
      return how;
    });
    return new RunningSandbox(child, pool, surrounded, ended);
  }

  /** Asks the program to end, and kills it when it does not within two seconds. */
  async stop(): Promise<void> {
    this.control.end();
    const timer = setTimeout(() => this.kill(), TERMINATE_MS);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }
}

interface Surrounded {
  /** Whence the init has its order; its end asks the program to end. */
  control: Writable;
  /** Where the program is reached; a path is where it is by the time that requests are made. */
  place: { path: string } | { port: number };
  /** What holds lines that it writes. */
  outputs: readonly Readable[];
  clearAway: () => Promise<void>;
  onLine: (line: string) => void;
}

async function startIsolated(order: SandboxOrder, { plan, egress, runDir, slots }: SandboxSurroundings): Promise<RunningSandbox> {
  const name = slots.take();
  const folder = join(runDir, name);
  await prepareFolder(folder, plan.uid);
  const ingress = join(folder, "in.sock");
  const proxy = order.agentId === null ? null : await egress.listen(order.agentId, join(folder, "out.sock"), plan.uid);
  const env = { ...(proxy === null ? {} : proxyVariables(`http://127.0.0.1:${EGRESS_PORT}`)), ...order.env };
  const node = plan.hosts ? nodeProgram(order, env) : undefined;
  const { file, args } = await plan.command(name, {
    view: order.view,
    mounts: order.mounts ?? [],
    runDir: folder,
    writable: order.writable,
    ...(node === undefined ? {} : { node }),
  });
  const child = spawn(file, args, { env: plan.environment, cwd: "/", stdio: node === undefined ? ["pipe", "pipe", "pipe"] : HOSTED_STDIO });
  const control = child.stdio[node === undefined ? 0 : HOSTED_CONTROL] as Writable;
  control.write(
    `${JSON.stringify({
      argv: order.argv,
      env,
      cwd: order.workingDirectory,
      port: order.port,
      ...(plan.byStdio ? { stdio: true } : { ingress: `${INSIDE_RUN}/in.sock` }),
      ...(plan.byStdio || proxy === null ? {} : { egress: `${INSIDE_RUN}/out.sock` }),
      egressPort: EGRESS_PORT,
    })}\n`,
  );
  const bridge = plan.byStdio
    ? await bridgeSockets(child.stdout as Readable, control, { ingress, egress: proxy === null ? null : join(folder, "out.sock") })
    : null;
  const listening = Promise.withResolvers<void>();
  const onLine = (line: string): void => {
    if (line === LISTENING) listening.resolve();
    else order.onLine(line);
  };
  const place = { path: plan.byStdio ? ingress : NOWHERE };
  // The folder is the program's too: what it makes of it later leads nowhere else.
  const pinned = listening.promise.then(() => (plan.byStdio ? null : pinSocket(ingress)));
  let isOver = false;
  const clearAway = async (): Promise<void> => {
    isOver = true;
    place.path = NOWHERE;
    listening.resolve();
    await (await pinned)?.close();
    await bridge?.close();
    if (proxy !== null) await closeServer(proxy);
    await rm(folder, { recursive: true, force: true });
    await plan.release(name);
    slots.free(name);
  };
  const outputs = (plan.byStdio ? [child.stderr] : [child.stdout, child.stderr]).filter((output) => output !== null);
  const sandbox = RunningSandbox.of(child, { control, place, outputs, clearAway, onLine });
  const socket = await pinned;
  if (socket !== null && !isOver) place.path = socket.path;
  if (socket === null && !plan.byStdio) sandbox.kill();
  return sandbox;
}

/** What Node reads before it runs any code: later is too late for the init to set it. */
const START_VARIABLES = new Set(
  `NODE_OPTIONS NODE_USE_ENV_PROXY NODE_EXTRA_CA_CERTS NODE_PATH NODE_NO_WARNINGS NODE_DEBUG NODE_V8_COVERAGE NODE_COMPILE_CACHE
   NODE_ICU_DATA NODE_PENDING_DEPRECATION NODE_REDIRECT_WARNINGS NODE_DISABLE_COLORS NO_COLOR FORCE_COLOR OPENSSL_CONF SSL_CERT_DIR
   SSL_CERT_FILE UV_THREADPOOL_SIZE TZ LANG LC_ALL HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy`.split(/\s+/),
);

/** The program as one that loads the init itself, where it is a Node program. */
function nodeProgram({ argv, workingDirectory }: SandboxOrder, env: Readonly<Record<string, string>>): NodeProgram | undefined {
  const [file = "", ...args] = argv;
  if (!file.startsWith("/") || basename(file) !== "node") return undefined;
  const startEnvironment = Object.fromEntries(Object.entries(env).filter(([name]) => START_VARIABLES.has(name)));
  return { argv: [file, ...args], startEnvironment, workingDirectory };
}

/** A hosted program has a standard input of its own, which is empty. */
const HOSTED_STDIO: StdioOptions = ["ignore", "pipe", "pipe", "pipe"];
/** The file descriptor by which the init in a hosted program gets its order; `init.cjs` knows it too. */
const HOSTED_CONTROL = 3;

/** The init's word that its socket exists. */
const LISTENING = "\0listening";

const POOL = {
  connections: MAX_CONNECTIONS,
  pipelining: 1,
  headersTimeout: RESPONSE_MS,
  bodyTimeout: RESPONSE_MS,
  keepAliveTimeout: 60_000,
};

/** Where there are no sandboxes: a process of ours, with the image's paths where they really are and a port of its own. */
async function startUnisolated(order: SandboxOrder, { plan, egress, slots }: SandboxSurroundings): Promise<RunningSandbox> {
  const name = slots.take();
  const port = await freePort();
  const proxy = await egress.listen(order.agentId ?? "", 0, null);
  const { port: proxyPort } = proxy.address() as AddressInfo;
  const argv = order.argv.map((word) => outside(order, word));
  const [stored] = Object.values(order.writable);
  const storage: Record<string, string> = stored === undefined ? {} : { WHS_SESSION_STORAGE: stored };
  const env = { ...proxyVariables(`http://127.0.0.1:${proxyPort}`), ...order.env, PORT: String(port), ...storage };
  const { file, args } = await plan.command(name, { view: [], mounts: [], runDir: "", writable: {} });
  const child = spawn(file, args, { env: {}, cwd: "/", stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.write(`${JSON.stringify({ argv, env, cwd: outside(order, order.workingDirectory) })}\n`);
  const clearAway = async (): Promise<void> => {
    await closeServer(proxy);
    await plan.release(name);
    slots.free(name);
  };
  const sandbox = RunningSandbox.of(child, {
    control: child.stdin,
    place: { port },
    outputs: [child.stdout, child.stderr],
    clearAway,
    onLine: order.onLine,
  });
  await untilListening(port, sandbox.ended);
  return sandbox;
}

/** Node is ours: an image's may be for another system. */
function outside({ root, writable }: SandboxOrder, word: string): string {
  if (basename(word) === "node") return process.execPath;
  if (!word.startsWith("/")) return word;
  const given = writable[word];
  if (given !== undefined) return given;
  return root !== null && existsSync(join(root, word)) ? join(root, word) : word;
}

function proxyVariables(url: string): Record<string, string> {
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];
  const local = { NO_PROXY: "localhost,127.0.0.1", no_proxy: "localhost,127.0.0.1", NODE_USE_ENV_PROXY: "1" };
  return { ...Object.fromEntries(names.map((name) => [name, url])), ...local };
}

async function prepareFolder(folder: string, uid: number | null): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (uid !== null) await chown(folder, uid, uid);
}
