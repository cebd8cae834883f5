/** A real service in this process, with the official SDK's clients, and images made and pushed as agents' are. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BedrockAgentCoreClient, InvokeAgentRuntimeCommand } from "@aws-sdk/client-bedrock-agentcore";
import {
  BedrockAgentCoreControlClient,
  CreateAgentRuntimeCommand,
  type CreateAgentRuntimeCommandInput,
  GetAgentRuntimeCommand,
} from "@aws-sdk/client-bedrock-agentcore-control";
import { createLogger } from "@whs/platform/log";
import { buildBase, publishImage, Registry, writeLayer } from "@whs/runtimes/agentcore-image";
import { vi } from "vitest";
import { readConfig } from "../src/config.ts";
import { openService, type Service } from "../src/service.ts";

export const CREDENTIALS = { accessKeyId: "test-access-key", secretAccessKey: "test-secret-access-key" };
export const REGION = "us-east-1";
export const ROLE = "arn:aws:iam::000000000000:role/agents";

export class LocalService {
  readonly folder: string;
  /** Moved by tests. */
  aheadMs = 0;
  service: Service;
  control: BedrockAgentCoreControlClient;
  data: BedrockAgentCoreClient;
  private readonly environment: Record<string, string>;

  private constructor(folder: string, environment: Record<string, string>, service: Service) {
    this.folder = folder;
    this.environment = environment;
    this.service = service;
    ({ control: this.control, data: this.data } = clientsOf(service.url));
  }

  static async start(environment: Record<string, string> = {}): Promise<LocalService> {
    const folder = await mkdtemp(join(tmpdir(), "whs-ac-"));
    let local: LocalService | null = null;
    const service = await openService(
      configOf(folder, environment),
      createLogger({ name: "agentcore-local", level: "silent" }),
      () => Date.now() + (local?.aheadMs ?? 0),
    );
    local = new LocalService(folder, environment, service);
    return local;
  }

  get host(): string {
    return new URL(this.service.url).host;
  }

  /** Stops and starts it on the same files; the port is another. */
  async restart(): Promise<void> {
    await this.service.close();
    this.service = await openService(
      configOf(this.folder, this.environment),
      createLogger({ name: "agentcore-local", level: "silent" }),
      () => Date.now() + this.aheadMs,
    );
    ({ control: this.control, data: this.data } = clientsOf(this.service.url));
  }

  async close(): Promise<void> {
    this.control.destroy();
    this.data.destroy();
    await this.service.close();
    await rm(this.folder, { recursive: true });
  }

  registry(): Registry {
    return new Registry({
      origin: this.service.url,
      credentials: () => Promise.resolve({ username: CREDENTIALS.accessKeyId, password: CREDENTIALS.secretAccessKey }),
    });
  }

  /** Pushes an image whose program is `source`, run by Node. @returns its `containerUri`. */
  async push(name: string, source: string): Promise<string> {
    const base = await buildBase({ nodeBinary: process.execPath, libraryRoot: "/", cacheDirectory: join(this.folder, "base") });
    const app = await writeLayer(
      [{ path: "app/server.mjs", type: "file", mode: 0o644, content: Buffer.from(source) }],
      join(this.folder, "app"),
    );
    const execution = {
      entrypoint: [base.nodePath, "/app/server.mjs"],
      env: [...base.env],
      workingDir: "/app",
      user: "65534",
      ports: [8080],
    };
    const { image } = await publishImage({ registry: this.registry(), repository: name }, base, app, execution, "latest");
    return `${this.host}/${name}@${image.digest}`;
  }

  /** Creates a runtime and waits until it is ready. */
  async create(name: string, containerUri: string, more: Partial<CreateAgentRuntimeCommandInput> = {}) {
    const created = await this.control.send(
      new CreateAgentRuntimeCommand({
        agentRuntimeName: name,
        agentRuntimeArtifact: { containerConfiguration: { containerUri } },
        roleArn: ROLE,
        networkConfiguration: { networkMode: "PUBLIC" },
        ...more,
      }),
    );
    await this.ready(created.agentRuntimeId);
    return { id: created.agentRuntimeId ?? "", arn: created.agentRuntimeArn ?? "" };
  }

  async ready(agentRuntimeId: string | undefined): Promise<void> {
    await vi.waitFor(
      async () => {
        const { status, failureReason } = await this.control.send(new GetAgentRuntimeCommand({ agentRuntimeId }));
        if (status?.endsWith("ING") !== false) throw new Error("It is not settled yet.");
        if (status !== "READY") throw new Error(`It failed: ${failureReason}`);
      },
      { timeout: 30_000, interval: 20 },
    );
  }

  /** The answer's text. */
  async invoke(arn: string, payload: unknown, sessionId?: string, more: { accept?: string; qualifier?: string } = {}): Promise<string> {
    const { response } = await this.data.send(
      new InvokeAgentRuntimeCommand({
        agentRuntimeArn: arn,
        payload: Buffer.from(JSON.stringify(payload)),
        contentType: "application/json",
        ...(sessionId === undefined ? {} : { runtimeSessionId: sessionId }),
        ...more,
      }),
    );
    return (await response?.transformToString()) ?? "";
  }
}

/** At least 33 characters, as the API demands. */
export function newSessionId(): string {
  return `session-${crypto.randomUUID()}`;
}

export function clientsOf(endpoint: string, credentials = CREDENTIALS, region = REGION) {
  const options = { endpoint, region, credentials, maxAttempts: 1 };
  return { control: new BedrockAgentCoreControlClient(options), data: new BedrockAgentCoreClient(options) };
}

function configOf(folder: string, environment: Record<string, string>) {
  return readConfig({
    WHS_DATA_DIR: folder,
    AGENTCORE_PORT: "0",
    AGENTCORE_LOCAL_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AGENTCORE_LOCAL_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    ...environment,
  });
}

/** A program that answers with what it sees: the payload is JavaScript that has `state`, which lives as long as the session. */
export const EVALUATOR = `
import { createServer } from "node:http";
const state = { n: 0 };
const AsyncFunction = (async () => {}).constructor;
let busy = false;
createServer(async (request, response) => {
  if (request.url === "/ping") return response.end(JSON.stringify({ status: busy ? "HealthyBusy" : "Healthy" }));
  let text = "";
  for await (const chunk of request) text += chunk;
  const { run } = JSON.parse(text);
  try {
    const setBusy = (value) => { busy = value; };
    const result = await new AsyncFunction("state", "request", "response", "setBusy", run)(state, request, response, setBusy);
    if (!response.headersSent) response.setHeader("content-type", "application/json").end(JSON.stringify(result ?? null));
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error));
  }
}).listen(8080);
console.log("listening");
`;
