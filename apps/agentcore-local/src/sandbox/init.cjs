// Connects the ports of a sandbox's program to the sockets that the service sees: the sandbox has no network but its own loopback.
// It is the first program and runs the image's command, or, where that is Node, stands in the same process: `--require`.
// Plain JavaScript without dependencies, since every millisecond here is one of a cold start.
const { readSync } = require("node:fs");
const { isMainThread } = require("node:worker_threads");

const isHosted = require.main !== module;
/** Whence the order comes: a hosted program's standard input is its own. */
const INPUT = isHosted ? 3 : 0;
/** Until the image's program listens, connections wait. */
const RETRY_MS = 5;

/**
 * First line of the input, whose end means: stop.
 * `stdio`: connections come and go by standard input and output, after this line, in place of sockets.
 * @typedef {{ argv: string[], env: Record<string, string>, cwd: string, port: number, ingress?: string, egress?: string, egressPort: number, stdio?: boolean }} Order
 */

/** @returns {Order} */
function readOrder() {
  const chunk = Buffer.alloc(65536);
  let text = "";
  while (!text.includes("\n")) {
    const length = readSync(INPUT, chunk);
    if (length === 0) process.exit(125);
    text += chunk.toString("latin1", 0, length);
  }
  return JSON.parse(Buffer.from(text, "latin1").toString("utf8"));
}

/** @type {typeof import("node:net")} */
let net;
// Node gives its options to threads, too.
if (isMainThread) init(readOrder());

/** @param {Order} order */
function init(order) {
  const stop = isHosted ? becomeProgram(order) : runProgram(order);
  // The program starts meanwhile.
  net = require("node:net");
  const input = new net.Socket({ fd: INPUT, readable: true, writable: false });
  connectPorts(order, input);
  input.on("end", stop).on("error", stop).resume();
  if (isHosted) input.unref();
}

/** @param {Order} order @returns {() => void} what asks it to end */
function runProgram({ argv, env, cwd, stdio }) {
  const { spawn } = require("node:child_process");
  const child = spawn(argv[0] ?? "", argv.slice(1), { cwd, env, stdio: ["ignore", stdio ? 2 : 1, 2] });
  child.on("error", (error) => {
    process.stderr.write(`Cannot start ${argv[0]} in ${cwd}: ${error.message}\n`);
    process.exit(126);
  });
  child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 137));
  return () => child.kill("SIGTERM");
}

/** Leaves nothing of us to the program that follows, nor to those that it forks. @param {Order} order @returns {() => void} */
function becomeProgram({ env }) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  const at = process.execArgv.indexOf(__filename);
  if (at > 0) process.execArgv.splice(at - 1, 2);
  return () => process.kill(process.pid, "SIGTERM");
}

/** @param {Order} order @param {import("node:net").Socket} input */
function connectPorts({ port, ingress, egress = "", egressPort, stdio }, input) {
  if (ingress !== undefined) {
    const server = net.createServer({ allowHalfOpen: true }, (outer) => {
      outer.on("error", () => outer.destroy());
      connectInside(outer, port);
    });
    server.listen(ingress, () => process.stderr.write("\0listening\n"));
    if (isHosted) server.unref();
  }
  const bridge = stdio ? bridgeStdio(input, port) : undefined;
  if (egress === "" && bridge === undefined) return;
  const server = net.createServer({ allowHalfOpen: true }, (inner) => {
    join(inner, bridge === undefined ? net.connect({ path: egress, allowHalfOpen: true }) : bridge.open());
  });
  server.listen(egressPort, "127.0.0.1");
  if (isHosted) server.unref();
}

/** @param {import("node:stream").Duplex} outer @param {number} port */
function connectInside(outer, port) {
  if (outer.destroyed) return;
  const inner = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  const refused = () => setTimeout(connectInside, RETRY_MS, outer, port);
  inner.once("error", refused);
  inner.once("connect", () => {
    inner.off("error", refused);
    join(outer, inner);
  });
}

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

/** @param {import("node:net").Socket} input @param {number} port */
function bridgeStdio(input, port) {
  const { StdioBridge } = require("./stdio-bridge.cjs");
  const output = new net.Socket({ fd: 1, readable: false, writable: true });
  const made = new StdioBridge(input, output, (outer) => connectInside(outer, port), 2);
  process.stderr.write("\0listening\n");
  return made;
}
