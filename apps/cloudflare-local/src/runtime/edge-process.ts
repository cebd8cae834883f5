/** The workerd process behind all scripts: started, watched, and started again when it ends or hangs. */
import { type ChildProcess, spawn } from "node:child_process";
import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Logger } from "@whs/platform/log";
import { build } from "esbuild";
import { Agent, request } from "undici";
import workerd from "workerd";
import type { Probe } from "../edge/protocol.ts";

export interface EdgeOptions {
  folder: string;
  log: Logger;
}

const START_TIMEOUT_MS = 20_000;
const HEARTBEAT_MS = 1_000;
/** A script that computes for longer than this without a pause takes the process with it; Cloudflare's bound is far lower. */
const HANG_MS = 20_000;
const RESTART_MS = 250;
const MAX_STDERR = 4096;
/** workerd says one line for each that it listens on. */
const SOCKETS = 2;

export class Edge {
  private readonly options: EdgeOptions;
  private readonly admin: Agent;
  private readonly heart: NodeJS.Timeout;
  private child: ChildProcess | null = null;
  private isClosing = false;
  /** Resolves when the process that runs now listens. */
  private ready: Promise<void> = Promise.resolve();

  private constructor(options: EdgeOptions) {
    this.options = options;
    this.admin = new Agent({ connect: { socketPath: join(options.folder, "admin.sock") }, headersTimeout: HANG_MS, bodyTimeout: HANG_MS });
    this.heart = setInterval(() => void this.beat(), HEARTBEAT_MS);
  }

  static async start(options: EdgeOptions): Promise<Edge> {
    const { folder } = options;
    const source = fileURLToPath(new URL("../edge/edge.ts", import.meta.url));
    const { outputFiles } = await build({
      entryPoints: [source],
      bundle: true,
      write: false,
      format: "esm",
      target: "esnext",
      platform: "neutral",
      external: ["cloudflare:workers"],
    });
    await writeFile(join(folder, "edge.js"), outputFiles[0]?.text ?? "");
    await cp(fileURLToPath(new URL("../edge/edge.capnp", import.meta.url)), join(folder, "edge.capnp"));
    const edge = new Edge(options);
    edge.ready = edge.spawn();
    await edge.ready;
    return edge;
  }

  /** Of the Workers' addresses. */
  get socketPath(): string {
    return join(this.options.folder, "workers.sock");
  }

  /** Loads a version once, without running any handler. */
  async probe(version: string): Promise<Probe> {
    const body = await this.ask(`/probe/${version}`);
    return JSON.parse(body) as Probe;
  }

  async erase(objectId: string): Promise<void> {
    await this.ask(`/erase/${objectId}`);
  }

  async close(): Promise<void> {
    this.isClosing = true;
    clearInterval(this.heart);
    const { child } = this;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
      child.kill("SIGKILL");
      await ended;
    }
    await this.admin.destroy();
  }

  private async ask(path: string): Promise<string> {
    await this.ready;
    const { statusCode, body } = await request(`http://edge${path}`, { method: "POST", dispatcher: this.admin });
    const text = await body.text();
    if (statusCode >= 400) throw new Error(`The edge answered ${statusCode}: ${text}`);
    return text;
  }

  private async beat(): Promise<void> {
    const { child } = this;
    try {
      await this.ask("/heartbeat");
    } catch (error) {
      if (this.isClosing || child === null || child !== this.child || child.exitCode !== null || child.signalCode !== null) return;
      this.options.log.warn({ err: error }, "The Workers' process does not answer; it is started again");
      child.kill("SIGKILL");
    }
  }

  private async spawn(): Promise<void> {
    const { folder, log } = this.options;
    for (const socket of ["admin.sock", "workers.sock"]) await rm(join(folder, socket), { force: true });
    const child = spawn(
      workerd.default,
      [
        ["serve", "--experimental", "--control-fd=3"],
        ["--socket-addr", `workers=unix:${this.socketPath}`],
        ["--socket-addr", `admin=unix:${join(folder, "admin.sock")}`],
        ["--external-addr", `control=unix:${join(folder, "control.sock")}`],
        ["--directory-path", `storage=${join(folder, "storage")}`],
        ["edge.capnp"],
      ].flat(),
      { cwd: folder, env: {}, stdio: ["ignore", "ignore", "pipe", "pipe"] },
    );
    this.child = child;
    let stderr = "";
    child.stderr?.on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-MAX_STDERR)));
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, signal) => resolve(`it ended with ${signal ?? code}: ${stderr}`));
    });
    await listening(child, ended);
    void ended.then((how) => this.restart(how));
    log.debug({ pid: child.pid }, "Workers run");
  }

  private restart(how: string): void {
    if (this.isClosing) return;
    this.options.log.warn({ how }, "The Workers' process ended");
    this.ready = new Promise((resolve) => setTimeout(resolve, RESTART_MS)).then(() => (this.isClosing ? undefined : this.spawn()));
    this.ready.catch((error: unknown) => this.restart(String(error)));
  }
}

async function listening(child: ChildProcess, ended: Promise<string>): Promise<void> {
  const channel = child.stdio[3] as Readable;
  let timer: NodeJS.Timeout | undefined;
  const heard = new Promise<void>((resolve) => {
    let text = "";
    channel.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.split('"listen"').length > SOCKETS) resolve();
    });
  });
  const died = ended.then((how) => Promise.reject(new Error(`The Workers' process did not start: ${how}`)));
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`The Workers' process did not listen within ${START_TIMEOUT_MS} ms.`)), START_TIMEOUT_MS);
  });
  try {
    await Promise.race([heard, died, late]);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
    channel.resume();
  }
}
