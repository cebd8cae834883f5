// The program of a code interpreter's sandbox: runs code and commands, reads and writes files, all below one directory.
// Plain JavaScript without dependencies: it runs inside, where nothing but Node and the system's programs is.
const { spawn } = require("node:child_process");
const { randomUUID } = require("node:crypto");
const fs = require("node:fs/promises");
const { createServer } = require("node:http");
const path = require("node:path");

/** @typedef {{ content: object[], structuredContent?: Record<string, unknown>, isError: boolean }} Result */
/** @typedef {{ code?: string, language?: string, clearContext?: boolean, command?: string, path?: string, paths?: string[], content?: { path: string, text?: string, blob?: string }[], directoryPath?: string, taskId?: string }} Arguments */
/** @typedef {{ text: string, cut: boolean }} Captured */

/** @type {{ workspace: string, python: string | null, node: string[], drivers: string, timeoutMs: number }} */
const settings = JSON.parse(process.argv[2] ?? "{}");
require("node:fs").mkdirSync(settings.workspace, { recursive: true });
const MAX_OUTPUT = 1024 * 1024;
const MAX_READ = 32 * 1024 * 1024;
const MAX_TASKS = 32;
const TEXT_TYPES = new Map(
  Object.entries({
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".json": "application/json",
    ".html": "text/html",
    ".xml": "application/xml",
    ".py": "text/x-python",
    ".js": "text/javascript",
    ".ts": "text/x-typescript",
    ".svg": "image/svg+xml",
  }),
);
const BINARY_TYPES = new Map(
  Object.entries({
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".pdf": "application/pdf",
    ".zip": "application/zip",
  }),
);

class Mistake extends Error {}

/** @param {string} name @param {string} [value] @returns {string} */
function needed(name, value) {
  if (typeof value !== "string" || value === "") throw new Mistake(`${name} is missing.`);
  return value;
}

/** Paths are relative to the workspace. @param {string} given */
function inside(given) {
  const full = path.resolve(settings.workspace, given);
  if (path.isAbsolute(given) || (full !== settings.workspace && !full.startsWith(`${settings.workspace}/`)))
    throw new Mistake(`The path must be relative and stay inside: ${given}`);
  return full;
}

/** @param {Captured} captured @param {string} text */
function capture(captured, text) {
  if (captured.text.length + text.length > MAX_OUTPUT) captured.cut = true;
  captured.text = (captured.text + text).slice(0, MAX_OUTPUT);
}

/** @param {Captured} captured */
function shown({ text, cut }) {
  return cut ? `${text}\n[cut: more than ${MAX_OUTPUT} characters]` : text;
}

/** @param {{ stdout: Captured, stderr: Captured }} output @param {number} exitCode @param {number} startedAt @param {object} [more] @returns {Result} */
function resultOf(output, exitCode, startedAt, more = {}) {
  const [stdout, stderr] = [shown(output.stdout), shown(output.stderr)];
  const text = exitCode === 0 || stderr === "" ? stdout : `${stdout}${stderr}`;
  const executionTime = performance.now() - startedAt;
  return {
    content: [{ type: "text", text }],
    structuredContent: { stdout, stderr, exitCode, executionTime, ...more },
    isError: exitCode !== 0,
  };
}

/** One language's running interpreter. */
class Driver {
  /** @param {string[]} command */
  constructor(command) {
    const [program = "", ...args] = command;
    this.child = spawn(program, args, { cwd: settings.workspace, stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"], detached: true });
    /** @type {Promise<void>} */
    this.ended = new Promise((resolve) => this.child.on("close", () => resolve()).on("error", () => resolve()));
    this.child.stdio[3]?.on("error", () => this.kill());
    this.dead = false;
    void this.ended.then(() => (this.dead = true));
  }

  kill() {
    this.dead = true;
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, "SIGKILL");
    } catch {
      this.child.kill("SIGKILL");
    }
  }

  /** @param {{ code: string, language: string, clear: boolean }} order @returns {Promise<Result>} */
  async run(order) {
    const startedAt = performance.now();
    const marker = `\u0001${randomUUID()}\u0001`;
    const output = { stdout: { text: "", cut: false }, stderr: { text: "", cut: false } };
    const failed = this.answer();
    const seen = Promise.all([this.until(this.child.stdout, marker, output.stdout), this.until(this.child.stderr, marker, output.stderr)]);
    const input = /** @type {import("node:stream").Writable} */ (this.child.stdio[3]);
    input.write(`${JSON.stringify({ ...order, marker })}\n`);
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(() => resolve("late"), settings.timeoutMs)));
    const done = Promise.all([seen, failed]).then(([, value]) => value);
    const outcome = await Promise.race([done, this.ended.then(() => "ended"), late]);
    clearTimeout(timer);
    if (outcome === "late") {
      this.kill();
      capture(output.stderr, `The execution took longer than ${settings.timeoutMs / 1000} seconds and was ended.\n`);
    } else if (outcome === "ended") capture(output.stderr, "The interpreter ended.\n");
    return resultOf(output, outcome === false ? 0 : 1, startedAt);
  }

  /** @param {import("node:stream").Readable | null} stream @param {string} marker @param {Captured} captured @returns {Promise<void>} */
  until(stream, marker, captured) {
    return new Promise((resolve) => {
      let rest = "";
      /** @param {Buffer} chunk */
      const take = (chunk) => {
        rest += chunk.toString();
        const at = rest.indexOf(marker);
        // The marker may come in two pieces.
        const sure = at < 0 ? Math.max(0, rest.length - marker.length) : at;
        capture(captured, rest.slice(0, sure));
        rest = rest.slice(sure);
        if (at < 0) return;
        stream?.off("data", take);
        resolve();
      };
      stream?.on("data", take);
    });
  }

  /** @returns {Promise<boolean>} whether the code failed */
  answer() {
    const channel = /** @type {import("node:stream").Readable} */ (this.child.stdio[4]);
    return new Promise((resolve) => channel.once("data", (chunk) => resolve(JSON.parse(String(chunk)).failed)));
  }
}

/** @type {Map<string, Driver>} */
const drivers = new Map();
/** Executions of one session wait for each other. */
let queue = Promise.resolve();

/** @param {Arguments} args @returns {Promise<Result>} */
async function executeCode({ code, language = "python", clearContext = false }) {
  const kind = language === "python" ? "python" : "javascript";
  if (!["python", "javascript", "typescript"].includes(language))
    throw new Mistake(`The language ${language} is not known: python, javascript or typescript.`);
  if (kind === "python" && settings.python === null)
    throw new Mistake("Python is not installed on this machine: on Debian, apt-get install python3.");
  const source = needed("code", code);
  const run = async () => {
    const existing = drivers.get(kind);
    const command =
      kind === "python"
        ? [settings.python ?? "", "-u", `${settings.drivers}/driver.py`]
        : [...settings.node, `${settings.drivers}/driver.cjs`];
    const driver = existing === undefined || existing.dead ? new Driver(command) : existing;
    drivers.set(kind, driver);
    return driver.run({ code: source, language, clear: clearContext });
  };
  const running = queue.then(run);
  queue = running.then(
    () => undefined,
    () => undefined,
  );
  return running;
}

/** @param {string} command @param {{ stdout: Captured, stderr: Captured }} output @param {number} timeoutMs */
function startCommand(command, output, timeoutMs) {
  const child = spawn("/bin/sh", ["-c", command], { cwd: settings.workspace, stdio: ["ignore", "pipe", "pipe"], detached: true });
  child.stdout.on("data", (chunk) => capture(output.stdout, String(chunk)));
  child.stderr.on("data", (chunk) => capture(output.stderr, String(chunk)));
  const kill = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, "SIGKILL");
  };
  const timer = setTimeout(() => {
    capture(output.stderr, `The command took longer than ${timeoutMs / 1000} seconds and was ended.\n`);
    kill();
  }, timeoutMs);
  /** @type {Promise<number>} */
  const ended = new Promise((resolve) => {
    // What a command leaves running in the background keeps its outputs open, but not us waiting.
    child.on("exit", (code) => setTimeout(() => resolve(code ?? 137), 20));
    child.on("error", () => resolve(127));
  });
  void ended.then(() => clearTimeout(timer));
  return { ended, kill };
}

const emptyOutput = () => ({ stdout: { text: "", cut: false }, stderr: { text: "", cut: false } });

/** @param {Arguments} args @returns {Promise<Result>} */
async function executeCommand({ command }) {
  const startedAt = performance.now();
  const output = emptyOutput();
  const { ended } = startCommand(needed("command", command), output, settings.timeoutMs);
  return resultOf(output, await ended, startedAt);
}

/** @type {Map<string, { output: ReturnType<typeof emptyOutput>, startedAt: number, status: string, exitCode: number | null, kill: () => void }>} */
const tasks = new Map();

/** @param {Arguments} args @returns {Promise<Result>} */
async function startCommandExecution({ command }) {
  if ([...tasks.values()].filter(({ status }) => status === "working").length >= MAX_TASKS)
    throw new Mistake(`There may be at most ${MAX_TASKS} tasks at once.`);
  const output = emptyOutput();
  const { ended, kill } = startCommand(needed("command", command), output, 8 * 3600 * 1000);
  const taskId = randomUUID();
  const task = { output, startedAt: performance.now(), status: "working", exitCode: /** @type {number | null} */ (null), kill };
  tasks.set(taskId, task);
  void ended.then((code) => {
    task.exitCode = code;
    if (task.status === "working") task.status = code === 0 ? "completed" : "failed";
  });
  return { content: [{ type: "text", text: taskId }], structuredContent: { taskId, taskStatus: "submitted" }, isError: false };
}

/** @param {string | undefined} id */
function taskOf(id) {
  const task = tasks.get(needed("taskId", id));
  if (task === undefined) throw new Mistake(`There is no task ${id}.`);
  return task;
}

/** @param {Arguments} args @returns {Promise<Result>} */
async function getTask({ taskId }) {
  const { output, startedAt, status, exitCode } = taskOf(taskId);
  const result = resultOf(output, exitCode ?? 0, startedAt, { taskId, taskStatus: status });
  return exitCode === null ? { ...result, structuredContent: { ...result.structuredContent, exitCode: undefined } } : result;
}

/** @param {Arguments} args @returns {Promise<Result>} */
async function stopTask({ taskId }) {
  const task = taskOf(taskId);
  if (task.status === "working") task.status = "canceled";
  task.kill();
  return {
    content: [{ type: "text", text: "The task is stopped." }],
    structuredContent: { taskId, taskStatus: task.status },
    isError: false,
  };
}

/** @param {Arguments} args @returns {Promise<Result>} */
async function readFiles({ path: one, paths = one === undefined ? [] : [one] }) {
  if (paths.length === 0) throw new Mistake("paths is missing.");
  let bytes = 0;
  const content = [];
  for (const name of paths) {
    const full = inside(name);
    bytes += (await fs.stat(full)).size;
    if (bytes > MAX_READ) throw new Mistake(`The files have more than ${MAX_READ} bytes together.`);
    const data = await fs.readFile(full);
    const extension = path.extname(name).toLowerCase();
    const text = data.toString("utf8");
    const isText = !BINARY_TYPES.has(extension) && Buffer.from(text).equals(data) && !text.includes("\0");
    const about = {
      uri: `file://${full}`,
      mimeType: TEXT_TYPES.get(extension) ?? BINARY_TYPES.get(extension) ?? (isText ? "text/plain" : "application/octet-stream"),
    };
    content.push({
      type: "resource",
      resource: isText ? { type: "text", ...about, text } : { type: "blob", ...about, blob: data.toString("base64") },
    });
  }
  return { content, isError: false };
}

/** @param {Arguments} args @returns {Promise<Result>} */
async function writeFiles({ content = [] }) {
  if (content.length === 0) throw new Mistake("content is missing.");
  for (const { path: name, text, blob } of content) {
    const full = inside(needed("content.path", name));
    await fs.mkdir(path.dirname(full), { recursive: true });
    await fs.writeFile(full, text ?? Buffer.from(blob ?? "", "base64"));
  }
  return { content: [{ type: "text", text: `Successfully wrote all ${content.length} files` }], isError: false };
}

/** @param {Arguments} args @returns {Promise<Result>} */
async function listFiles({ directoryPath, path: other }) {
  const folder = inside(directoryPath ?? other ?? "");
  const entries = await fs.readdir(folder, { withFileTypes: true });
  const content = entries
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((entry) => ({
      type: "resource_link",
      uri: `file://${path.join(folder, entry.name)}`,
      name: entry.name,
      description: entry.isDirectory() ? "Directory" : "File",
    }));
  return { content, isError: false };
}

/** @param {Arguments} args @returns {Promise<Result>} */
async function removeFiles({ path: one, paths = one === undefined ? [] : [one] }) {
  if (paths.length === 0) throw new Mistake("paths is missing.");
  for (const name of paths) {
    const full = inside(name);
    if (full === settings.workspace) throw new Mistake("The workspace itself stays.");
    await fs.rm(full, { recursive: true });
  }
  return { content: [{ type: "text", text: `Successfully removed all ${paths.length} files` }], isError: false };
}

/** @type {Record<string, (args: Arguments) => Promise<Result>>} */
const TOOLS = { executeCode, executeCommand, startCommandExecution, getTask, stopTask, readFiles, writeFiles, listFiles, removeFiles };

/** @param {string} text @returns {Promise<Result>} */
async function invoke(text) {
  try {
    const { name, arguments: args = {} } = JSON.parse(text);
    const tool = TOOLS[name];
    if (tool === undefined) throw new Mistake(`There is no tool ${name}.`);
    return await tool(args);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!(error instanceof Mistake) && !/^E[A-Z]+$/.test(code)) throw error;
    return { content: [{ type: "text", text: error instanceof Error ? error.message : "" }], isError: true };
  }
}

/** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
async function answer(request, response) {
  let text = "";
  request.setEncoding("utf8");
  for await (const chunk of request) text += chunk;
  response.setHeader("content-type", "application/json").end(JSON.stringify(await invoke(text)));
}

createServer((request, response) => {
  if (request.url === "/ping") response.end('{"status":"Healthy"}');
  else void answer(request, response);
}).listen(8080, "127.0.0.1");
