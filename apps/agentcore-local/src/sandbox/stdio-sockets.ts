/** Lets a program that is reached by pipes alone be reached by a socket, and reach one. */
import { connect, createServer } from "node:net";
import type { Duplex, Readable, Writable } from "node:stream";
import { StdioBridge } from "./stdio-bridge.cjs";

export interface SocketPaths {
  /** Listened on: its connections lead to the program. */
  ingress: string;
  /** Where connections of the program lead; null: nowhere. */
  egress: string | null;
}

export async function bridgeSockets(
  input: Readable,
  output: Writable,
  { ingress, egress }: SocketPaths,
): Promise<{ close: () => Promise<void> }> {
  const bridge = new StdioBridge(
    input,
    output,
    (inner) => {
      if (egress === null) inner.destroy();
      else join(inner, connect({ path: egress, allowHalfOpen: true }));
    },
    1,
  );
  const server = createServer({ allowHalfOpen: true }, (outer) => join(outer, bridge.open()));
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(ingress, resolve));
  return {
    close: async () => {
      bridge.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function join(one: Duplex, other: Duplex): void {
  one.pipe(other);
  other.pipe(one);
  const end = (): void => {
    one.destroy();
    other.destroy();
  };
  for (const side of [one, other]) side.on("error", end).on("close", end);
}
