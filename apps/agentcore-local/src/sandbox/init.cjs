// First program of a sandbox, outside the image's own. Runs the image's command and connects its ports to the sockets that the
// service sees: the sandbox has no network but its own loopback. Plain JavaScript without dependencies, since every
// millisecond here is one of a cold start.
const { spawn } = require("node:child_process");
const { readSync } = require("node:fs");

/**
 * First line of standard input; the input's end means: stop.
 * `stdio`: connections come and go by standard input and output, after this line, in place of sockets.
 * @returns {{ argv: string[], env: Record<string, string>, cwd: string, port: number, ingress?: string, egress?: string, egressPort: number, stdio?: boolean }}
 */
function readOrder() {
  const chunk = Buffer.alloc(65536);
  let text = "";
  while (!text.includes("\n")) {
    const length = readSync(0, chunk);
    if (length === 0) process.exit(125);
    text += chunk.toString("latin1", 0, length);
  }
  return JSON.parse(Buffer.from(text, "latin1").toString("utf8"));
}

const order = readOrder();
const child = spawn(order.argv[0] ?? "", order.argv.slice(1), {
  cwd: order.cwd,
  env: order.env,
  stdio: ["ignore", order.stdio ? 2 : 1, 2],
});
child.on("error", (error) => {
  process.stderr.write(`Cannot start ${order.argv[0]} in ${order.cwd}: ${error.message}\n`);
  process.exit(126);
});
child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 137));

const net = require("node:net");

/** @param {import("node:stream").Duplex} one @param {import("node:stream").Duplex} other */
function join(one, other) {
  one.pipe(other);
  other.pipe(one);
  const end = () => {
    one.destroy();
    other.destroy();
  };
  for (const socket of [one, other]) socket.on("error", end).on("close", end);
}

/** Until the image's program listens, connections wait. */
const RETRY_MS = 5;

/** @param {import("node:stream").Duplex} outer */
function connectInside(outer) {
  if (outer.destroyed) return;
  const inner = net.connect({ port: order.port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  const refused = () => setTimeout(connectInside, RETRY_MS, outer);
  inner.once("error", refused);
  inner.once("connect", () => {
    inner.off("error", refused);
    join(outer, inner);
  });
}

if (order.ingress !== undefined)
  net
    .createServer({ allowHalfOpen: true }, (outer) => {
      outer.on("error", () => outer.destroy());
      connectInside(outer);
    })
    .listen(order.ingress, () => process.stderr.write("\0listening\n"));

const input = new net.Socket({ fd: 0, readable: true, writable: false });
const bridge = order.stdio ? bridgeStdio() : undefined;
if (order.egress !== undefined || order.stdio)
  net
    .createServer({ allowHalfOpen: true }, (inner) => {
      const { egress = "" } = order;
      join(inner, bridge === undefined ? net.connect({ path: egress, allowHalfOpen: true }) : bridge.open());
    })
    .listen(order.egressPort ?? 0, "127.0.0.1");

function bridgeStdio() {
  const { StdioBridge } = require("./stdio-bridge.cjs");
  const output = new net.Socket({ fd: 1, readable: false, writable: true });
  const made = new StdioBridge(input, output, connectInside, 2);
  process.stderr.write("\0listening\n");
  return made;
}

const stop = () => child.kill("SIGTERM");
input.on("end", stop).on("error", stop).resume();
