import { agentManifestSchema } from "@whs/artifact";
import { createWorkerdProvider, type InvokeInput, type RuntimeProvider } from "@whs/runtimes";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const main = path.resolve(import.meta.dirname, "../../apps/supervisor/src/main.ts");
/** Nobody listens there: events stay in the journal. */
const nowhere = "http://127.0.0.1:9";

export interface BenchAgent {
  userId: string;
  agentId: string;
  deploymentId: string;
}

/** A supervisor with its cells, without the rest of the stack. */
export class BenchDataPlane {
  readonly provider: RuntimeProvider;
  private readonly folder: string;
  private readonly child: ChildProcess;
  private serial = 0;

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.child = child;
    this.provider = createWorkerdProvider({ supervisors: [path.join(folder, "run/supervisor.sock")] });
  }

  static async start(environment: Record<string, string> = {}): Promise<BenchDataPlane> {
    const folder = await mkdtemp(path.join(tmpdir(), "whs-bench-"));
    const child = spawn(process.execPath, [main], {
      env: { PATH: process.env.PATH, WHS_DATA_DIR: folder, WHS_API_URL: nowhere, LOG_LEVEL: "error", ...environment },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.on("data", (chunk: Buffer) => {
        if (chunk.toString().includes('"type":"ready"')) resolve();
      });
      child.once("exit", (code) => reject(new Error(`The supervisor ended with ${code}.`)));
    });
    return new BenchDataPlane(folder, child);
  }

  async deploy(userId: string, source: string): Promise<BenchAgent> {
    this.serial += 1;
    const agent = { userId, agentId: `agt_${this.serial}`, deploymentId: `dep_${this.serial}` };
    await this.provider.deploy({
      ...agent,
      version: 1,
      manifest: agentManifestSchema.parse({
        protocol: "invoke/v1",
        runtime: "cloudflare",
        entrypoint: "agent.js",
        sessionful: false,
        capabilities: { streaming: true, tools: false },
      }),
      bundle: { mainModule: "agent.js", modules: { "agent.js": { type: "esm", text: source } }, checksum: `sha256:${this.serial}` },
      secrets: { revision: 0, refs: {} },
      entitlements: { agentcoreEnabled: false, codeInterpreterEnabled: false, browserEnabled: false },
      telemetry: { rootKeyId: "1", keyVersion: 1 },
    });
    return agent;
  }

  /** @returns milliseconds until the answer. */
  async invoke(agent: BenchAgent): Promise<number> {
    const input: InvokeInput = {
      ...agent,
      eventId: `evt_${randomBytes(8).toString("hex")}`,
      traceId: "trc_bench",
      messages: [{ role: "user", content: "hello" }],
      options: {},
      signal: new AbortController().signal,
      timeoutMs: 60_000,
    };
    const startedAt = performance.now();
    await this.provider.invoke(input);
    return performance.now() - startedAt;
  }

  /** Ends a tenant's process and waits until it is gone; its next request starts another. */
  async stopCell(userId: string): Promise<void> {
    const file = path.join(this.folder, "dataplane/tenants", createHash("sha256").update(userId).digest("hex"), "owner.json");
    const { pid } = JSON.parse(await readFile(file, "utf8")) as { pid: number };
    process.kill(pid, "SIGTERM");
    while (await readFile(file).catch(() => null)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Proportional share of memory, in bytes, of the supervisor and of its cells: what is shared is counted once. */
  async memory(): Promise<{ supervisor: number; cells: number; processes: number }> {
    const supervisor = this.child.pid ?? 0;
    const parents = new Map<number, number>();
    for (const name of await readdir("/proc")) {
      const parent = /^\d+$/.test(name) ? /^PPid:\s+(\d+)/m.exec(await read(`/proc/${name}/status`))?.[1] : undefined;
      if (parent !== undefined) parents.set(Number(name), Number(parent));
    }
    const below = [...parents.keys()].filter((pid) => pid !== supervisor && descends(parents, pid, supervisor));
    const shares = await Promise.all(below.map(share));
    const workers = await Promise.all(below.map(async (pid) => (await read(`/proc/${pid}/comm`)).trim() === "workerd"));
    return {
      supervisor: await share(supervisor),
      cells: shares.reduce((sum, bytes) => sum + bytes, 0),
      processes: workers.filter(Boolean).length,
    };
  }

  async stop(): Promise<void> {
    await this.provider.close();
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

function descends(parents: ReadonlyMap<number, number>, pid: number, ancestor: number): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) if (at === ancestor) return true;
  return false;
}

async function share(pid: number): Promise<number> {
  return Number(/^Pss:\s+(\d+) kB/m.exec(await read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024;
}

/** Nothing for a process that has ended meanwhile. */
function read(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => "");
}
