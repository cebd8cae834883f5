import { Pool } from "undici";
import type { z } from "zod";
import { ProviderError } from "../port.ts";
import { supervisorErrorSchema } from "./protocol.ts";

/** Deploys load code in a cell that may have to start first; nothing else takes long. */
const TIMEOUT_MS = 60_000;

/** No answer came: the node is away, or went away with the request. */
export class SupervisorUnreachable extends ProviderError {
  constructor(cause: unknown) {
    super("transient", "The data plane cannot be reached.", { reached: false, cause });
  }
}

/** The supervisor's control API. Everything that fails becomes a ProviderError. */
export class SupervisorClient {
  private readonly pool: Pool;

  constructor(socketPath: string) {
    this.pool = new Pool("http://supervisor", {
      socketPath,
      connections: 16,
      pipelining: 1,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
  }

  async send(method: "GET" | "PUT" | "POST", path: string, body?: unknown): Promise<unknown> {
    const { status, text } = await this.request(method, path, body);
    if (status < 400) return text === "" ? null : JSON.parse(text);
    const error = supervisorErrorSchema.safeParse(JSON.parse(text));
    if (!error.success) throw new ProviderError("transient", "The data plane gave an unexpected answer.", { reached: false, cause: text });
    throw new ProviderError(error.data.kind, error.data.message, { retryable: error.data.retryable, reached: false });
  }

  async read<S extends z.ZodType>(schema: S, method: "GET" | "POST", path: string, body?: unknown): Promise<z.output<S>> {
    const parsed = schema.safeParse(await this.send(method, path, body));
    if (parsed.success) return parsed.data;
    throw new ProviderError("transient", "The data plane gave an unexpected answer.", { reached: false, cause: parsed.error });
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  private async request(method: "GET" | "PUT" | "POST", path: string, body: unknown): Promise<{ status: number; text: string }> {
    try {
      const response = await this.pool.request({
        method,
        path,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      });
      return { status: response.statusCode, text: await response.body.text() };
    } catch (cause) {
      throw new SupervisorUnreachable(cause);
    }
  }
}
