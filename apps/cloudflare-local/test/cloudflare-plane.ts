/** A control plane's side of Cloudflare, set up on the local API as an operator would set it up on a real account. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSecretStore, type SecretStore } from "@whs/platform/secrets";
import { signV2 } from "@whs/platform/signatures";
import { ControlPlanePeer, type ServerProcess, startServer } from "@whs/platform/testing";
import type { AgentCalls, RuntimeProvider } from "@whs/runtimes";
import { type CloudflareSetup, createCloudflareApiProvider, setUpCloudflare } from "@whs/runtimes/cloudflare-api";
import { type AnswerCall, callsOverHttp, type ConformanceTarget, type ReceivedEvent, type ReceivedLine } from "@whs/runtimes/conformance";

const MAIN = new URL("../src/main.ts", import.meta.url).pathname;
const ACCOUNT = "0123456789abcdef0123456789abcdef";
const NAMESPACE = "whs";

export class CloudflarePlane implements ConformanceTarget {
  readonly peer: ControlPlanePeer<ReceivedEvent, ReceivedLine>;
  readonly telemetry = { rootKeyId: "1", keyVersion: 1 };
  readonly accountId = ACCOUNT;
  readonly apiToken: string;
  apiUrl = "";
  dispatchUrl = "";
  provider!: RuntimeProvider;
  private readonly folder: string;
  private readonly secrets: SecretStore;
  private readonly keys: { telemetryRoot: Buffer; dataPlane: Buffer; gateway: Buffer };
  private server: ServerProcess | null = null;
  private output = "";

  private constructor(folder: string, secrets: SecretStore) {
    this.folder = folder;
    this.secrets = secrets;
    this.apiToken = randomBytes(20).toString("hex");
    this.keys = { telemetryRoot: randomBytes(32), dataPlane: randomBytes(32), gateway: randomBytes(32) };
    this.peer = new ControlPlanePeer(this.keys);
  }

  static async start(): Promise<CloudflarePlane> {
    const folder = await mkdtemp(join(tmpdir(), "whs-cf-"));
    const secrets = await openSecretStore({ url: "local:", dataDir: folder, masterKeyFile: join(folder, "master.key") });
    const plane = new CloudflarePlane(folder, secrets);
    await plane.peer.listen();
    await plane.startLocalCloudflare();
    await plane.setUp();
    plane.provider = plane.newProvider();
    return plane;
  }

  /** What `whs admin cloudflare setup` does. */
  setUp(): Promise<CloudflareSetup> {
    return setUpCloudflare({
      ...this.account(),
      controlPlaneUrl: this.peer.url,
      sign: this.sign,
      gatewayKeys: [this.keys.gateway.toString("hex")],
      telemetryRoots: { 1: this.keys.telemetryRoot.toString("hex") },
      dataPlaneKey: this.keys.dataPlane.toString("hex"),
    });
  }

  /** A gateway process's own. */
  newProvider(): RuntimeProvider {
    return createCloudflareApiProvider({
      ...this.account(),
      sign: this.sign,
      readSecret: async (reference) => {
        const value = await this.secrets.get(reference);
        if (value === undefined) throw new Error("There is no such secret.");
        return value;
      },
    });
  }

  get gatewayKey(): Buffer {
    return this.keys.gateway;
  }
  get telemetryRoot(): Buffer {
    return this.keys.telemetryRoot;
  }

  readonly sign = (request: { timestamp: string; source: string; method: string; path: string; body: string }): string =>
    signV2(this.keys.gateway, request);

  async stopLocalCloudflare(): Promise<void> {
    await this.server?.stop("SIGTERM");
  }

  /** Stops it and starts it again on the same data, at other addresses. */
  async restartLocalCloudflare(): Promise<void> {
    await this.provider.close();
    await this.stopLocalCloudflare();
    await this.startLocalCloudflare();
    this.provider = this.newProvider();
  }

  async startLocalCloudflare(): Promise<void> {
    this.server = await startServer({
      entry: MAIN,
      environment: {
        WHS_DATA_DIR: this.folder,
        CLOUDFLARE_LOCAL_PORT: "0",
        CLOUDFLARE_LOCAL_WORKERS_PORT: "0",
        CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
        CLOUDFLARE_API_TOKEN: this.apiToken,
      },
      onOutput: (text) => (this.output += text),
    });
    const { notes = [] } = this.server.ready;
    const variable = (name: string) => notes.find((note) => note.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
    this.apiUrl = variable("CLOUDFLARE_BASE_URL");
    this.dispatchUrl = variable("CLOUDFLARE_DISPATCH_URL");
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
  /** Everything that the local service wrote to its log. */
  get log(): string {
    return this.output;
  }

  async close(): Promise<void> {
    await this.provider.close();
    await this.stopLocalCloudflare();
    await this.peer.close();
    await this.secrets.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  private account() {
    return {
      accountId: ACCOUNT,
      apiToken: this.apiToken,
      namespace: NAMESPACE,
      baseUrl: this.apiUrl,
      dispatchUrl: this.dispatchUrl,
      agentCpuMs: 30_000,
    };
  }
}
