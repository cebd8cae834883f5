import type { Dispatcher } from "undici";
import { AwsError } from "../http/aws-error.ts";
import type { RunningSandbox } from "../sandbox/running-sandbox.ts";

export interface Lifecycle {
  idleMs: number;
  maxLifeMs: number;
}

export interface SessionOptions {
  runtimeId: string;
  endpoint: string;
  sessionId: string;
  sandbox: RunningSandbox;
  lifecycle: Lifecycle;
  /** Where the program says how it is; null: its protocol has no such place. */
  pingPath: string | null;
  now: () => number;
}

const PING_MS = 5_000;
const MAX_PING_BYTES = 4096;

/** One user's running container. */
export class Session {
  readonly runtimeId: string;
  readonly endpoint: string;
  readonly sessionId: string;
  readonly sandbox: RunningSandbox;
  private readonly options: SessionOptions;
  private readonly startedAtMs: number;
  private activeAtMs: number;
  private inFlight = 0;

  constructor(options: SessionOptions) {
    this.options = options;
    this.runtimeId = options.runtimeId;
    this.endpoint = options.endpoint;
    this.sessionId = options.sessionId;
    this.sandbox = options.sandbox;
    this.startedAtMs = options.now();
    this.activeAtMs = this.startedAtMs;
  }

  /** Until the container answers its first ping. @throws AwsError when it does not in time, or ends. */
  async ready(withinMs: number): Promise<void> {
    if (this.options.pingPath === null) return;
    const signal = AbortSignal.timeout(withinMs);
    for (;;) {
      const status = await this.ping(signal);
      if (status === "Healthy" || status === "HealthyBusy") return;
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The request runs as long as its answer's body is read. @throws AwsError when the container ends meanwhile. */
  async request(options: Omit<Dispatcher.RequestOptions, "origin">): Promise<Dispatcher.ResponseData> {
    this.begin();
    try {
      const response = await this.sandbox.pool.request(options);
      response.body.once("close", () => this.end());
      return response;
    } catch (error) {
      this.end();
      if (options.signal instanceof AbortSignal && options.signal.aborted) throw error;
      throw new AwsError("RuntimeClientError", "The runtime ended or closed the connection before it answered. Its logs may say why.", {
        cause: error,
      });
    }
  }

  /** Why the session's time is over; null: it is not. */
  async overdue(): Promise<string | null> {
    const { lifecycle, now } = this.options;
    if (now() - this.startedAtMs >= lifecycle.maxLifeMs) return "its maximum lifetime is over";
    if (this.inFlight > 0 || now() - this.activeAtMs < lifecycle.idleMs) return null;
    // A container may work on without a request, and says so.
    if ((await this.status()) === "HealthyBusy") this.activeAtMs = now();
    return now() - this.activeAtMs < lifecycle.idleMs ? null : "it was idle";
  }

  private async status(): Promise<string | null> {
    if (this.options.pingPath === null) return null;
    try {
      return await this.ping(AbortSignal.timeout(PING_MS));
    } catch (error) {
      // Nothing to say is not busy.
      if (error instanceof Error) return null;
      throw error;
    }
  }

  private async ping(signal: AbortSignal): Promise<string | null> {
    const { statusCode, body } = await this.sandbox.pool.request({ method: "GET", path: this.options.pingPath ?? "", signal });
    let text = "";
    for await (const chunk of body as AsyncIterable<Buffer>) if (text.length < MAX_PING_BYTES) text += chunk.toString();
    if (statusCode !== 200) return null;
    return /"status"\s*:\s*"HealthyBusy"/.test(text) ? "HealthyBusy" : "Healthy";
  }

  private begin(): void {
    this.inFlight += 1;
    this.activeAtMs = this.options.now();
  }

  private end(): void {
    this.inFlight -= 1;
    this.activeAtMs = this.options.now();
  }
}
