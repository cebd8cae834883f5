/** A real supervisor process with real cells, a real vault and a control plane that receives. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ControlPlanePeer, type ServerProcess, startServer } from "@whs/platform/testing";
import { openSecretStore, type SecretStore } from "@whs/platform/secrets";
import { type AgentCalls, createWorkerdProvider, type RuntimeProvider } from "@whs/runtimes";
import { type AnswerCall, callsOverHttp, type ConformanceTarget, type ReceivedEvent, type ReceivedLine } from "@whs/runtimes/conformance";

const MAIN = new URL("../src/main.ts", import.meta.url).pathname;

export interface DataPlaneOptions {
  environment?: Record<string, string>;
  /** Runs the supervisor as this user, who is not root. */
  uid?: number;
  /** Several supervisors, by name, in place of one without a name. */
  nodes?: readonly string[];
  /** Whether they share one storage directory, or have one each. */
  storage?: "shared" | "own";
}

export class DataPlane implements ConformanceTarget {
  readonly folder: string;
  readonly peer: ControlPlanePeer<ReceivedEvent, ReceivedLine>;
  readonly telemetry = { rootKeyId: "1", keyVersion: 1 };
  provider: RuntimeProvider;
  notes: readonly string[] = [];
  private readonly secrets: SecretStore;
  private readonly options: DataPlaneOptions;
  private readonly servers = new Map<string, ServerProcess>();
  private output = "";

  private constructor(
    folder: string,
    peer: ControlPlanePeer<ReceivedEvent, ReceivedLine>,
    secrets: SecretStore,
    options: DataPlaneOptions,
  ) {
    this.folder = folder;
    this.peer = peer;
    this.secrets = secrets;
    this.options = options;
    this.provider = this.secondProvider();
  }

  static async start(options: DataPlaneOptions = {}): Promise<DataPlane> {
    const folder = await mkdtemp(join(tmpdir(), "whs-dp-"));
    const secrets = await openSecretStore({ url: "local:", dataDir: folder, masterKeyFile: join(folder, "master.key") });
    const keys = { telemetryRoot: randomBytes(32), dataPlane: randomBytes(32) };
    await secrets.putByPath("system/telemetry-root/1", keys.telemetryRoot.toString("hex"));
    await secrets.putByPath("system/data-plane-key", keys.dataPlane.toString("hex"));
    const peer = new ControlPlanePeer<ReceivedEvent, ReceivedLine>(keys);
    await peer.listen();
    const plane = new DataPlane(folder, peer, secrets, options);
    if (options.uid !== undefined) await giveTo(folder, options.uid);
    for (const node of options.nodes ?? [""]) await plane.startSupervisor({}, node);
    return plane;
  }

  socketPath(node = ""): string {
    return join(this.folder, "run", node, "supervisor.sock");
  }

  /** Where a node keeps deployments and sessions. */
  storageDir(node = ""): string {
    return join(this.folder, this.options.storage === "own" ? `storage-${node}` : "dataplane");
  }

  /** Everything that the supervisor wrote to its log. */
  get log(): string {
    return this.output;
  }

  async startSupervisor(environment: Record<string, string> = {}, node = ""): Promise<void> {
    const server = await startServer({
      entry: MAIN,
      environment: {
        WHS_DATA_DIR: this.folder,
        WHS_API_URL: this.peer.url,
        ...(node === "" ? {} : { WHS_NODE: node, WHS_STORAGE_DIR: this.storageDir(node) }),
        ...this.options.environment,
        ...environment,
      },
      ...(this.options.uid === undefined ? {} : { uid: this.options.uid }),
      onOutput: (text) => (this.output += text),
    });
    this.notes = server.ready.notes ?? [];
    this.servers.set(node, server);
  }

  /** Sends a signal and waits for the end; the exit code, or null for an end by signal. */
  async stopSupervisor(signal: NodeJS.Signals = "SIGTERM", node = ""): Promise<number | null> {
    return (await this.servers.get(node)?.stop(signal)) ?? null;
  }

  /** Another gateway process. */
  secondProvider(): RuntimeProvider {
    const { nodes = [""], storage = "shared" } = this.options;
    return createWorkerdProvider({
      supervisors: nodes.map((node) => this.socketPath(node)),
      sharedStorage: nodes.length > 1 && storage === "shared",
    });
  }

  putSecret(value: string): Promise<string> {
    return this.secrets.put("agents/test/KEY", value);
  }
  event(eventId: string) {
    return this.peer.event(eventId);
  }
  line(matches: Parameters<ConformanceTarget["line"]>[0]) {
    return this.peer.line(matches);
  }
  agents(answer: AnswerCall): AgentCalls {
    return callsOverHttp(this.peer, answer);
  }
  received(): string {
    return this.peer.wire;
  }

  async close(): Promise<void> {
    await this.provider.close();
    await Promise.all([...this.servers.keys()].map((node) => this.stopSupervisor("SIGTERM", node)));
    await this.peer.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function giveTo(folder: string, uid: number): Promise<void> {
  const child = spawn("chown", ["-R", `${uid}:${uid}`, folder]);
  await new Promise((resolve) => child.once("exit", resolve));
}
