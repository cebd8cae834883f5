import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

export interface RedisServer {
  url: string;
  /** Ends it at once; its memory is gone. */
  kill(): Promise<void>;
  /** Starts it again at the same address. */
  restart(): Promise<void>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

const startTimeoutMs = 20_000;

/** A real Valkey or Redis, whichever is installed, on a port of its own and without files. */
export async function startRedisServer(): Promise<RedisServer> {
  const command = findCommand(["valkey-server", "redis-server"]);
  const directory = await mkdtemp(path.join(tmpdir(), "whs-redis-"));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(command, ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    await once(child, "spawn");
    await untilItAnswers(port);
    return child;
  };
  let child = await start();
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  return {
    url,
    kill,
    async restart() {
      child = await start();
    },
    flush: () => ask(port, "FLUSHALL", "+OK"),
    async close() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Redis takes a command as a line of text too. */
async function ask(port: number, command: string, expected: string): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    socket.write(`${command}\r\n`);
    const [answer] = (await once(socket, "data")) as [Buffer];
    if (!String(answer).startsWith(expected)) throw new Error(`Redis answered ${command} with ${String(answer)}`);
  } finally {
    socket.destroy();
  }
}

async function untilItAnswers(port: number): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    try {
      return await ask(port, "PING", "+PONG");
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function findCommand(commands: readonly string[]): string {
  const directories = (process.env["PATH"] ?? "").split(path.delimiter);
  for (const command of commands) {
    const found = directories.map((directory) => path.join(directory, command)).find(isExecutable);
    if (found !== undefined) return found;
  }
  throw new Error(`None of ${commands.join(", ")} is installed`);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
