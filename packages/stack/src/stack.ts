/** Starts the whole constellation as child processes, keeps it running and stops it. */
import type { Readiness } from "@whs/platform/process";
import { rmSync } from "node:fs";
import path from "node:path";
import { Child, ROOT, type ChildState } from "./child.ts";
import { inheritedEnvironment } from "./config.ts";
import { createDirectories, removeTemporaryDirectories } from "./directories.ts";
import { writeAtomically } from "./files.ts";
import { lockDirectory } from "./lock.ts";
import { rotateIfLarge } from "./logs.ts";
import { choosePorts, isFree } from "./ports.ts";
import { databaseUrls, environmentOf, select } from "./plan.ts";
import { loadSecrets, type Secrets } from "./secrets.ts";
import { DEFAULT_PORTS, type Endpoints, type Ports, type ProcessDeclaration, type ProcessName, type Surroundings } from "./processes.ts";

export interface StackOptions {
  /** Everything that is kept lies here. One stack at a time. */
  dataDir: string;
  /** Default: the documented ones. 0 picks a free one. */
  ports?: Partial<Ports>;
  /** Environment of the processes; wins over what the stack would set. Default: this process's. */
  environment?: NodeJS.ProcessEnv;
  /** Only these and what they need. Default: all that this installation has. */
  processes?: readonly ProcessName[];
  onEvent?: (event: StackEvent) => void;
}

export interface StackEvent {
  type: "ready" | "crashed";
  process: ProcessName;
  /** For people. */
  message: string;
}

export interface RunningProcess {
  readonly title: string;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  readonly state: ChildState;
  /** Address and notes that it reported last. */
  readonly readiness: Readiness | undefined;
  readonly logFile: string;
  /** Stops it, starts it and waits until it is ready. @param changes of its environment, from now on */
  restart(changes?: NodeJS.ProcessEnv): Promise<Readiness>;
}

export interface Stack {
  endpoints: Endpoints;
  dataDir: string;
  secrets: Secrets;
  processes: Partial<Record<ProcessName, RunningProcess>>;
  /** Stops all, users before what they use, within ten seconds. */
  stop(): Promise<void>;
}

/** Every free port at once, for tests and second stacks on one machine. */
export const FREE_PORTS: Ports = {
  PG_PORT: 0,
  IDENTITY_PORT: 0,
  WHS_PORT: 0,
  FLEETPROMPT_PORT: 0,
  WEB_PORT: 0,
  AGENTCORE_PORT: 0,
  METRICS_PORT: 0,
};

const LOG_CHECK_INTERVAL_MS = 60_000;
/** All but the database get this long; the database needs its clients gone and takes what is left of ten seconds. */
const STOP_TIMEOUT_MS = 8_000;
const DATABASE_STOP_TIMEOUT_MS = 1_800;

interface Member {
  declaration: ProcessDeclaration;
  child: Child;
  logFile: string;
}

/**
 * Starts everything and waits until all is ready.
 * @throws Error when the data directory is in use or a process does not start; nothing is left running then
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const environment = options.environment ?? inheritedEnvironment();
  const directories = createDirectories(options.dataDir);
  const lock = await lockDirectory(directories.data);
  const members: Member[] = [];
  const endpointsFile = path.join(directories.data, "endpoints.json");
  const rotation = setInterval(() => members.forEach(({ logFile }) => rotateIfLarge(logFile)), LOG_CHECK_INTERVAL_MS);
  rotation.unref();
  const stop = once(async () => {
    rmSync(endpointsFile, { force: true });
    await stopAll(members);
    clearInterval(rotation);
    removeTemporaryDirectories(directories);
    lock.release();
  });
  try {
    rmSync(endpointsFile, { force: true });
    const ports = await choosePorts({ ...DEFAULT_PORTS, ...options.ports });
    const declarations = select(options.processes, environment);
    await refuseTakenPorts(declarations, ports);
    const secrets = loadSecrets(directories.data, environment);
    const surroundings: Surroundings = { directories, ports, secrets, ...databaseUrls(environment, ports, secrets) };
    const recordChildren = (): void => {
      lock.record(members.flatMap(({ child }) => (child.identity === undefined ? [] : [{ name: child.name, ...child.identity }])));
    };
    for (const declaration of declarations) {
      const logFile = path.join(directories.logs, `${declaration.name}.log`);
      rotateIfLarge(logFile);
      const child = new Child({
        name: declaration.name,
        entry: path.join(ROOT, declaration.entry),
        env: environmentOf(declaration, surroundings, environment),
        logFile,
        onChange: recordChildren,
        onCrash: (message) => options.onEvent?.({ type: "crashed", process: declaration.name, message }),
        onReady: () => options.onEvent?.({ type: "ready", process: declaration.name, message: `${declaration.title} is ready` }),
      });
      members.push({ declaration, child, logFile });
    }
    await startAll(members);
    const endpoints = endpointsOf(members, surroundings);
    writeAtomically(endpointsFile, `${JSON.stringify(endpoints, null, 2)}\n`);
    return {
      endpoints,
      dataDir: directories.data,
      secrets,
      processes: Object.fromEntries(members.map((member) => [member.child.name, handle(member)])),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @throws Error that names the variable, which is clearer than what the process itself would say */
async function refuseTakenPorts(declarations: readonly ProcessDeclaration[], ports: Ports): Promise<void> {
  for (const name of declarations.flatMap((declaration) => declaration.ports ?? [])) {
    if (!(await isFree(ports[name])))
      throw new Error(`Cannot start: port ${ports[name]} is taken. Set ${name} to another one (0 picks a free one).`);
  }
}

async function startAll(members: readonly Member[]): Promise<void> {
  const starts = new Map<ProcessName, Promise<unknown>>();
  let failed = false;
  for (const { declaration, child } of members) {
    const before = (declaration.needs ?? []).flatMap((name) => starts.get(name) ?? []);
    const start = Promise.all(before).then(() => (failed ? undefined : child.start()));
    start.catch(() => (failed = true));
    starts.set(declaration.name, start);
  }
  await Promise.all(starts.values());
}

async function stopAll(members: readonly Member[]): Promise<void> {
  const startedAt = Date.now();
  const stops = new Map<ProcessName, Promise<void>>();
  // Users are declared after what they use, so that going backwards finds theirs first.
  for (const { declaration, child } of members.toReversed()) {
    const users = members.filter((other) =>
      [...(other.declaration.needs ?? []), ...(other.declaration.uses ?? [])].includes(declaration.name),
    );
    const before = users.flatMap((user) => stops.get(user.declaration.name) ?? []);
    const stop = Promise.all(before).then(() => {
      const left = STOP_TIMEOUT_MS - (Date.now() - startedAt);
      return child.stop(declaration.name === "postgres" ? Math.max(left, DATABASE_STOP_TIMEOUT_MS) : Math.max(left, 0));
    });
    stops.set(declaration.name, stop);
  }
  await Promise.all(stops.values());
}

function endpointsOf(members: readonly Member[], { databaseUrl }: Surroundings): Endpoints {
  const endpoints: Endpoints = { postgres: databaseUrl };
  for (const { declaration, child } of members) {
    if (declaration.endpoint !== undefined && child.readiness !== undefined) endpoints[declaration.endpoint] = child.readiness.url;
    if (child.readiness?.metricsUrl !== undefined) endpoints.metrics = child.readiness.metricsUrl;
  }
  return endpoints;
}

function handle({ declaration, child, logFile }: Member): RunningProcess {
  return {
    title: declaration.title,
    logFile,
    get pid() {
      return child.pid;
    },
    get state() {
      return child.state;
    },
    get readiness() {
      return child.readiness;
    },
    restart: (changes) => child.restart(changes),
  };
}

/** Calls `action` for the first call only; every caller waits for that one. */
function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= action());
}
