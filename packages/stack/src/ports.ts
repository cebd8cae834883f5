import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** Below the ranges from which Linux and macOS take the ports of outgoing connections, so that none of those steals it. */
const LOWEST = 12_000;
const HIGHEST = 32_000;
const ATTEMPTS = 100;

/**
 * Replaces every 0 by a port that is free on loopback now; other numbers stay as they are.
 * All are chosen before any process starts, so that processes can know each other's addresses.
 */
export async function choosePorts<Name extends string>(wanted: Record<Name, number>): Promise<Record<Name, number>> {
  const chosen = { ...wanted };
  const held: Server[] = [];
  try {
    for (const name of Object.keys(wanted) as Name[]) {
      if (wanted[name] !== 0) continue;
      const [port, server] = await holdFreePort();
      chosen[name] = port;
      held.push(server);
    }
    return chosen;
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

async function holdFreePort(): Promise<[port: number, server: Server]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    const server = createServer();
    server.listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
      return [port, server];
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error;
    }
  }
  throw new Error(`Cannot find a free port between ${LOWEST} and ${HIGHEST}.`);
}

/** Whether a server could listen on the loopback port now. */
export async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => resolve(true));
  });
  await new Promise((resolve) => probe.close(resolve));
  return free;
}
