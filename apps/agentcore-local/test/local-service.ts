/** A real service in this process, with the official SDK's clients, and images made and pushed as agents' are. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BedrockAgentCoreClient, InvokeAgentRuntimeCommand, StopRuntimeSessionCommand } from "@aws-sdk/client-bedrock-agentcore";
import {
  BedrockAgentCoreControlClient,
  CreateAgentRuntimeCommand,
  type CreateAgentRuntimeCommandInput,
  GetAgentRuntimeCommand,
  GetAgentRuntimeEndpointCommand,
} from "@aws-sdk/client-bedrock-agentcore-control";
import { SignatureV4 } from "@smithy/signature-v4";
import { createLogger } from "@whs/platform/log";
import { buildBase, publishImage, Registry, writeLayer } from "@whs/runtimes/agentcore-image";
import { vi } from "vitest";
import { readConfig } from "../src/config.ts";
import { ARCHITECTURE } from "../src/images/images.ts";
import { Sha256 } from "../src/http/sigv4.ts";
import { openService, type Service } from "../src/service.ts";

export const CREDENTIALS = { accessKeyId: "test-access-key", secretAccessKey: "test-secret-access-key" };
export const REGION = "us-east-1";
export const ROLE = "arn:aws:iam::000000000000:role/agents";

/** The base of images takes seconds to make, and is the same for everybody on this machine. */
const BASE_CACHE = join(import.meta.dirname, "../../../node_modules/.cache/whs-agentcore");
const MAIN = new URL("../src/main.ts", import.meta.url).pathname;

export class LocalService {
  readonly folder: string;
  /** Moved by tests. */
  aheadMs = 0;
  service: Service;
  control: BedrockAgentCoreControlClient;
  data: BedrockAgentCoreClient;
  private readonly environment: Record<string, string>;
  private isOpen = true;

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

  /** Stops it, and leaves its files. */
  async halt(): Promise<void> {
    if (this.isOpen) await this.service.close();
    this.isOpen = false;
  }

  /** Stops and starts it on the same files; the port is another. */
  async restart(): Promise<void> {
    await this.halt();
    this.isOpen = true;
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
    await this.halt();
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
    const base = await buildBase({ nodeBinary: process.execPath, libraryRoot: "/", cacheDirectory: BASE_CACHE });
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

  /** Pushes an image with a program for Node, and no Node: there is one where sessions run unisolated. */
  async pushProgram(name: string, source: string): Promise<string> {
    return this.pushSmall(name, "app/server.mjs", source, ["node", "/app/server.mjs"]);
  }

  /** Pushes an image that has a program's text and nothing to run it with, which is enough for what never runs. */
  async pushEmpty(name: string): Promise<string> {
    return this.pushSmall(name, "app/note", name, ["/app/note"]);
  }

  private async pushSmall(name: string, path: string, content: string, entrypoint: readonly string[]): Promise<string> {
    const app = await writeLayer([{ path, type: "file", mode: 0o644, content: Buffer.from(content) }], join(this.folder, "app"));
    const base = { layers: [], architecture: ARCHITECTURE === "arm64" ? ("arm64" as const) : ("amd64" as const), nodePath: "", env: [] };
    const execution = { entrypoint, env: [], workingDir: "/app", user: "65534", ports: [8080] };
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

  async endpointReady(agentRuntimeId: string, endpointName: string): Promise<void> {
    await vi.waitFor(
      async () => {
        const { status } = await this.control.send(new GetAgentRuntimeEndpointCommand({ agentRuntimeId, endpointName }));
        if (status !== "READY") throw new Error(`It is ${status}.`);
      },
      { timeout: 30_000, interval: 20 },
    );
  }

  /** Files of the service that hold a text. */
  async filesWith(text: string): Promise<string[]> {
    const names = await readdir(this.folder, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const found = await Promise.all(files.map(async (file) => ((await readFile(file)).includes(text) ? [file] : [])));
    return found.flat();
  }

  async stop(agentRuntimeArn: string, runtimeSessionId: string): Promise<void> {
    await this.data.send(new StopRuntimeSessionCommand({ agentRuntimeArn, runtimeSessionId }));
  }

  /** Whether a session has a container; it has none afterwards. */
  async runs(arn: string, sessionId: string): Promise<boolean> {
    // The service's clock may be ahead of the client's, which a signature's age would be measured by.
    const ahead = this.aheadMs;
    this.aheadMs = 0;
    try {
      return this.service.isRunning(arn, sessionId);
    } finally {
      this.aheadMs = ahead;
    }
  }

  /** Events of `FilterLogEvents`, signed as a client of CloudWatch Logs would. */
  async logs(query: Record<string, unknown>): Promise<{ logStreamName: string; message: string; timestamp: number }[]> {
    const signer = new SignatureV4({ service: "logs", region: REGION, credentials: CREDENTIALS, sha256: Sha256 });
    const body = JSON.stringify(query);
    const { hostname, host, port } = new URL(this.service.url);
    const headers = { host, "content-type": "application/x-amz-json-1.1", "x-amz-target": "Logs_20140328.FilterLogEvents" };
    const request = await signer.sign({ method: "POST", protocol: "http:", hostname, port: Number(port), path: "/", headers, body });
    const response = await fetch(this.service.url, { method: "POST", headers: request.headers, body });
    if (!response.ok) throw new Error(await response.text());
    return ((await response.json()) as { events: { logStreamName: string; message: string; timestamp: number }[] }).events;
  }

  /** Starts the service as a process of its own, on the same files. */
  async spawn(): Promise<{ url: string; child: ChildProcess }> {
    const child = spawn(process.execPath, [MAIN], {
      env: environmentOf(this.folder, this.environment),
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      output += chunk.toString();
      const ready = /^\{"type":"ready","url":"([^"]+)"/m.exec(output);
      if (ready?.[1] !== undefined) {
        child.stdout.resume();
        return { url: ready[1], child };
      }
    }
    throw new Error(`The service did not start: ${output}`);
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

export function basic({ accessKeyId, secretAccessKey }: typeof CREDENTIALS): string {
  return `Basic ${Buffer.from(`${accessKeyId}:${secretAccessKey}`).toString("base64")}`;
}

function configOf(folder: string, environment: Record<string, string>) {
  return readConfig(environmentOf(folder, environment));
}

function environmentOf(folder: string, environment: Record<string, string>) {
  return {
    LOG_LEVEL: "error",
    WHS_DATA_DIR: folder,
    AGENTCORE_PORT: "0",
    AGENTCORE_LOCAL_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AGENTCORE_LOCAL_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    ...environment,
  };
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
}).listen(process.env.PORT ?? 8080);
console.log("listening");
`;
