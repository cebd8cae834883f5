import { setTimeout as pause } from "node:timers/promises";
import { connect, createServer, type AddressInfo } from "node:net";

const POLL_MS = 10;

/** A port of loopback that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until somebody listens on the port, or `given up` resolves. */
export async function untilListening(port: number, givenUp: Promise<unknown>): Promise<void> {
  let stopped = false;
  void givenUp.then(() => (stopped = true));
  while (!stopped && !(await accepts(port))) await pause(POLL_MS);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
