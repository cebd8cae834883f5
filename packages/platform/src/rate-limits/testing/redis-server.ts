import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createClient } from "@redis/client";

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
    await untilItAnswers(url);
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
    flush: () => withClient(url, async (client) => void (await client.flushAll())),
    async close() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const openClient = (url: string) => createClient({ url, socket: { reconnectStrategy: false } });

async function withClient(url: string, work: (client: ReturnType<typeof openClient>) => Promise<void>): Promise<void> {
  const client = openClient(url);
  // What breaks is thrown where the client is used; it also wants to say so here.
  client.on("error", () => undefined);
  await client.connect();
  try {
    await work(client);
  } finally {
    client.destroy();
  }
}

async function untilItAnswers(url: string): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    try {
      return await withClient(url, async (client) => void (await client.ping()));
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
