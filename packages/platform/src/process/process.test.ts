import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { isReadyMessage } from "./index.ts";

const MODULE = JSON.stringify(new URL("./index.ts", import.meta.url).href);
const started: ChildProcess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

interface Run {
  child: ChildProcess;
  stdout: () => string;
  stderr: () => string;
}

function run(body: string, options: { ipc: boolean }): Run {
  const code = `import { onShutdown, reportReady, startProcess } from ${MODULE}; const keepAlive = setInterval(() => {}, 1000); ${body}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "pipe", ...(options.ipc ? (["ipc"] as const) : [])],
  });
  started.push(child);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return { child, stdout: () => stdout, stderr: () => stderr };
}

async function exitCode(child: ChildProcess): Promise<unknown> {
  const [code]: unknown[] = await once(child, "close");
  return code;
}

test("readiness goes to the launcher over the channel", async () => {
  const { child } = run(`reportReady({ url: "http://127.0.0.1:1", notes: ["bubblewrap on"] });`, { ipc: true });
  const [message]: unknown[] = await once(child, "message");
  expect(message).toEqual({ type: "ready", url: "http://127.0.0.1:1", notes: ["bubblewrap on"] });
  expect(isReadyMessage(message)).toBe(true);
});

test("without a channel readiness is one line of JSON on standard output", async () => {
  const { child, stdout } = run(`onShutdown(() => {}); reportReady({ url: "http://127.0.0.1:1" }); process.kill(process.pid, "SIGTERM");`, {
    ipc: false,
  });
  expect(await exitCode(child)).toBe(0);
  expect(stdout()).toBe('{"type":"ready","url":"http://127.0.0.1:1"}\n');
});

test.each(["SIGTERM", "SIGINT"] as const)("%s runs the handlers in reverse order, then exits with 0", async (signal) => {
  const body = `
    onShutdown((reason) => console.log("first", reason));
    onShutdown(async (reason) => { await new Promise(setImmediate); console.log("second", reason); });
    reportReady({ url: "x" });`;
  const { child, stdout } = run(body, { ipc: true });
  await once(child, "message");
  child.kill(signal);
  expect(await exitCode(child)).toBe(0);
  expect(stdout()).toBe(`second ${signal}\nfirst ${signal}\n`);
});

test("a process stops when its launcher is gone", async () => {
  const { child, stdout } = run(`onShutdown((reason) => console.log(reason)); reportReady({ url: "x" });`, { ipc: true });
  await once(child, "message");
  const outputEnd = child.stdout === null ? undefined : once(child.stdout, "end");
  const exit = once(child, "exit");
  child.disconnect();
  expect(await exit).toEqual([0, null]);
  await outputEnd;
  expect(stdout()).toBe("launcher gone\n");
});

test("a handler that fails keeps no other from running and makes the exit code 1", async () => {
  const body = `
    onShutdown(() => console.log("closed"));
    onShutdown(() => { throw new Error("expected by this test"); });
    reportReady({ url: "x" });`;
  const { child, stdout, stderr } = run(body, { ipc: true });
  await once(child, "message");
  child.kill("SIGTERM");
  expect(await exitCode(child)).toBe(1);
  expect(stdout()).toBe("closed\n");
  expect(stderr()).toContain("Cannot stop cleanly: Error: expected by this test");
});

test("a handler that never ends is cut off after the timeout with exit code 1", async () => {
  const { child, stderr } = run(`onShutdown(() => new Promise(() => {}), { timeoutMs: 50 }); reportReady({ url: "x" });`, { ipc: true });
  await once(child, "message");
  child.kill("SIGTERM");
  expect(await exitCode(child)).toBe(1);
  expect(stderr()).toContain("Cannot stop in 50 ms");
});

test("a signal that arrives twice is one request, and the handlers finish", async () => {
  const body = `
    onShutdown(async () => {
      console.log("stopping");
      await new Promise((resolve) => process.once("SIGINT", resolve));
      await new Promise(setImmediate);
      console.log("finished");
    });
    reportReady({ url: "x" });`;
  const { child, stdout } = run(body, { ipc: true });
  await once(child, "message");
  child.kill("SIGINT");
  if (child.stdout !== null) await once(child.stdout, "data");
  child.kill("SIGINT");
  expect(await exitCode(child)).toBe(0);
  expect(stdout()).toBe("stopping\nfinished\n");
});

test("only a ready message with an address counts as ready", () => {
  for (const message of [null, "ready", {}, { type: "ready" }, { type: "ready", url: 1 }, { type: "log", url: "x" }]) {
    expect(isReadyMessage(message)).toBe(false);
  }
});

const CONFIG_MODULE = JSON.stringify(new URL("../config/index.ts", import.meta.url).href);

test("a start that the operator can mend is told in words alone, and ends with 1", async () => {
  const { child, stderr } = run(
    `const { ConfigurationError } = await import(${CONFIG_MODULE});
    await startProcess(async () => { throw new ConfigurationError("Cannot start:\\n  PORT: must be a port"); });`,
    { ipc: false },
  );
  expect(await exitCode(child)).toBe(1);
  expect(stderr()).toBe("Cannot start:\n  PORT: must be a port\n");
});

test("a port that is taken is named, without a stack", async () => {
  const { child, stderr } = run(
    `const net = await import("node:net");
    const listen = (port) => new Promise((resolve, reject) => { const server = net.createServer(); server.on("error", reject); server.listen(port, "127.0.0.1", () => resolve(server.address().port)); });
    await startProcess(async () => { await listen(await listen(0)); });`,
    { ipc: false },
  );
  expect(await exitCode(child)).toBe(1);
  expect(stderr()).toMatch(/^Cannot start: port \d+ is taken\. .*\n$/);
});

test("a start that fails by a fault is told with its stack", async () => {
  const { child, stderr } = run(`await startProcess(async () => { throw new TypeError("odd"); });`, { ipc: false });
  expect(await exitCode(child)).toBe(1);
  expect(stderr()).toMatch(/^TypeError: odd\n\s+at /);
});
