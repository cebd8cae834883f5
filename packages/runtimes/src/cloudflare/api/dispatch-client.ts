/** The hot path: from a gateway to our dispatch Worker, every request signed. */
import { type Dispatcher, Pool } from "undici";
import { z } from "zod";
import { type InvokeInput, type InvokeOutput, type InvokeStreamEvent, ProviderError } from "../../port.ts";
import { CellUnreachable, contextHeaders, countCharacters, unaryCall } from "../cell-client.ts";
import { StreamCall } from "../stream-call.ts";
import { REVISION_HEADER } from "./workers/env.ts";
import type { DeploymentRecord } from "./workers/registry.ts";

export interface DispatchClientOptions {
  /** Finds where the dispatch Worker answers, without a path; asked once. @throws ProviderError */
  findUrl: () => Promise<string>;
  /** The value of the signature header over a request of the source `gateway`: a `v2` HMAC with the gateway's key. */
  sign: (request: { timestamp: string; source: string; method: string; path: string; body: string }) => string;
}

const SOURCE = "gateway";
/** Connections that are kept; each carries one invocation at a time, and more are made as they are needed. */
const CONNECTIONS = 1024;
/** For everything but invocations, which have a deadline of their own. */
const TIMEOUT_MS = 15_000;

const recordSchema = z.object({
  userId: z.string(),
  agentId: z.string(),
  deploymentId: z.string(),
  version: z.int(),
  sessionful: z.boolean(),
  checksum: z.string(),
  script: z.string(),
  secretsRevision: z.int(),
  telemetry: z.object({ rootKeyId: z.string(), keyVersion: z.int() }),
  loaded: z.boolean(),
});
const refusalSchema = z.object({ message: z.string() });

export type Inspection = { state: "missing" } | { state: "refused"; message: string } | { state: "loaded"; revision: number };

export class DispatchClient {
  private readonly options: DispatchClientOptions;
  private connecting: Promise<Pool> | null = null;

  constructor(options: DispatchClientOptions) {
    this.options = options;
  }

  async invoke(input: InvokeInput): Promise<InvokeOutput> {
    const pool = await this.pool();
    try {
      return await unaryCall(input, (handler) => pool.dispatch(this.invocation("invoke", input), handler));
    } catch (error) {
      throw unreachable(error);
    }
  }

  async *invokeStream(input: InvokeInput): AsyncGenerator<InvokeStreamEvent> {
    const pool = await this.pool();
    try {
      yield* new StreamCall(input).events((handler) => pool.dispatch(this.invocation("stream", input), handler));
    } catch (error) {
      throw unreachable(error);
    }
  }

  async health(): Promise<{ build: string }> {
    const { status, text } = await this.request("GET", "/health");
    if (status !== 200) throw unexpected(status);
    return parsed(z.object({ build: z.string() }), text);
  }

  async inspect(script: string): Promise<Inspection> {
    const { status, text, revision } = await this.request("GET", `/inspect/${script}`);
    if (status === 200) return { state: "loaded", revision: Number(revision) };
    if (status === 404) return { state: "missing" };
    if (status === 422) return { state: "refused", message: parsed(refusalSchema, text).message };
    throw unexpected(status);
  }

  async findDeployment(agentId: string, deploymentId: string): Promise<DeploymentRecord | null> {
    const { status, text } = await this.request("GET", `/registry/${agentId}/${deploymentId}`);
    if (status !== 200) throw unexpected(status);
    return parsed(recordSchema.nullable(), text);
  }

  async listDeployments(agentId: string): Promise<DeploymentRecord[]> {
    const { status, text } = await this.request("GET", `/registry/${agentId}`);
    if (status !== 200) throw unexpected(status);
    return parsed(z.array(recordSchema), text);
  }

  async saveDeployment(record: DeploymentRecord): Promise<void> {
    await this.expectDone("PUT", `/registry/${record.agentId}/${record.deploymentId}`, JSON.stringify(record));
  }

  async removeDeployment(agentId: string, deploymentId: string): Promise<void> {
    await this.expectDone("DELETE", `/registry/${agentId}/${deploymentId}`);
  }

  async destroySession(script: string, sessionId: string): Promise<void> {
    await this.expectDone("DELETE", `/sessions/${script}/${encodeURIComponent(sessionId)}`);
  }

  /** Ends connections at once. What runs on them fails. */
  async close(): Promise<void> {
    const pool = await this.connecting?.catch(() => null);
    await pool?.destroy();
  }

  private pool(): Promise<Pool> {
    this.connecting ??= this.options
      .findUrl()
      .then((url) => new Pool(url, { connections: CONNECTIONS, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connectTimeout: 5_000 }));
    const connecting = this.connecting;
    // Looked for again by the next who needs it.
    connecting.catch(() => (this.connecting = this.connecting === connecting ? null : this.connecting));
    return connecting;
  }

  private invocation(verb: "invoke" | "stream", input: InvokeInput): Dispatcher.DispatchOptions {
    const { userId, agentId, deploymentId, eventId, traceId, timeoutMs, providerSessionId, messages, options } = input;
    const session = providerSessionId === undefined ? "" : `/${encodeURIComponent(providerSessionId)}`;
    const path = `/${verb}/${userId}/${agentId}/${deploymentId}/${eventId}/${encodeURIComponent(traceId)}/${countCharacters(messages)}/${timeoutMs}${session}`;
    const body = JSON.stringify({ messages, options });
    return { method: "POST", path, body, headers: { ...this.headers("POST", path, body), ...contextHeaders(input) } };
  }

  private headers(method: string, path: string, body: string): Record<string, string> {
    const timestamp = String(Date.now());
    return {
      "x-whs-delegation-source": SOURCE,
      "x-whs-delegation-timestamp": timestamp,
      "x-whs-delegation-signature": this.options.sign({ timestamp, source: SOURCE, method, path, body }),
    };
  }

  private async expectDone(method: "PUT" | "DELETE", path: string, body?: string): Promise<void> {
    const { status } = await this.request(method, path, body);
    if (status !== 204) throw unexpected(status);
  }

  private async request(
    method: "GET" | "PUT" | "DELETE",
    path: string,
    body = "",
  ): Promise<{ status: number; text: string; revision: string }> {
    const pool = await this.pool();
    try {
      const response = await pool.request({
        method,
        path,
        headers: this.headers(method, path, body),
        ...(body === "" ? {} : { body }),
        headersTimeout: TIMEOUT_MS,
        bodyTimeout: TIMEOUT_MS,
      });
      const revision = response.headers[REVISION_HEADER];
      return { status: response.statusCode, text: await response.body.text(), revision: typeof revision === "string" ? revision : "" };
    } catch (cause) {
      throw unreachable(new CellUnreachable("The dispatch Worker does not answer.", { cause }));
    }
  }
}

/** @throws ProviderError when somebody else answered. */
function parsed<S extends z.ZodType>(schema: S, text: string): z.output<S> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new ProviderError("transient", "The dispatch Worker on Cloudflare gave an unexpected answer.", { reached: false, cause });
  }
}

function unreachable(error: unknown): unknown {
  return error instanceof CellUnreachable
    ? new ProviderError("transient", "The dispatch Worker on Cloudflare cannot be reached.", { reached: false, cause: error })
    : error;
}

function unexpected(status: number): ProviderError {
  if (status === 401)
    return new ProviderError("auth", "The dispatch Worker does not take this gateway's signature: run setup again.", { reached: false });
  return new ProviderError("transient", `The dispatch Worker on Cloudflare answered with status ${status}.`, { reached: false });
}
