import type { Logger } from "@whs/platform/log";
import type { SecretStore } from "@whs/platform/secrets";
import { signV2 } from "@whs/platform/signatures";
import type { LogRecord } from "@whs/runtimes/cell";
import { Backoff, pause } from "../delivery.ts";
import type { DeploymentRegistry } from "../deployments/registry.ts";
import type { AgentFilters } from "./agent-filters.ts";
import { RateBound } from "./rate-bound.ts";

export interface LogForwarderOptions {
  apiUrl: string;
  registry: DeploymentRegistry;
  filters: AgentFilters;
  secrets: Pick<SecretStore, "getByPath">;
  linesPerSecond: number;
  logger: Logger;
}

/** Lines kept while the control plane is away; logs are worth less than memory. */
const MAX_QUEUED = 20_000;
const MAX_LINES = 1000;
const MAX_BATCH_BYTES = 2 * 1024 * 1024;
export const MAX_LINE_BYTES = 8 * 1024;
const GATHER_MS = 20;
const REQUEST_TIMEOUT_MS = 15_000;
const PATH = "/v1/internal/logs";
const SOURCE = "supervisor";
/** The console's methods as log levels. */
const LEVELS: Readonly<Record<string, string>> = { debug: "debug", trace: "debug", warn: "warn", error: "error" };

/** Brings agents' log lines to the control plane: redacted before they are even queued, bounded in length, rate and number. */
export class LogForwarder {
  private readonly options: LogForwarderOptions;
  private readonly bounds = new Map<string, RateBound>();
  private readonly stopping = new AbortController();
  private queue: string[] = [];
  private wake: (() => void) | null = null;
  private sending: Promise<void> | null = null;

  constructor(options: LogForwarderOptions) {
    this.options = options;
  }

  start(): void {
    this.sending = this.run();
  }

  /** Takes what a tenant's cell wrote; what is beyond the bounds is counted in a line of its own. */
  report(userId: string, records: readonly LogRecord[]): void {
    for (const record of records) {
      const deployment = this.options.registry.get(record.deploymentId);
      if (deployment === undefined || deployment.userId !== userId) continue;
      const bound = this.bound(record.deploymentId);
      if (!bound.take(Date.now())) continue;
      const refused = bound.takeRefused();
      const { deploymentId, agentId } = deployment;
      if (refused > 0)
        this.enqueue({
          deploymentId,
          agentId,
          at: record.at,
          level: "warn",
          message: `${refused} lines were left out: more than ${this.options.linesPerSecond} a second.`,
        });
      const filter = this.options.filters.of(deployment);
      const message = cut(filter(record.message), MAX_LINE_BYTES);
      this.enqueue({
        deploymentId,
        agentId,
        ...(record.traceId === null ? {} : { traceId: record.traceId }),
        at: record.at,
        level: LEVELS[record.level] ?? "info",
        message,
      });
    }
    this.wake?.();
  }

  async close(withinMs: number): Promise<void> {
    const untilMs = Date.now() + withinMs;
    while (this.queue.length > 0 && Date.now() < untilMs) await pause(10, this.stopping.signal);
    this.stopping.abort();
    this.wake?.();
    await this.sending;
  }

  private enqueue(line: { deploymentId: string; agentId: string; traceId?: string; at: number; level: string; message: string }): void {
    if (this.queue.length >= MAX_QUEUED) this.queue.splice(0, MAX_LINES);
    this.queue.push(JSON.stringify({ ...line, at: new Date(line.at).toISOString() }));
  }

  private bound(deploymentId: string): RateBound {
    const known = this.bounds.get(deploymentId);
    if (known !== undefined) return known;
    if (this.bounds.size >= MAX_QUEUED) this.bounds.clear();
    const bound = new RateBound(this.options.linesPerSecond, Date.now());
    this.bounds.set(deploymentId, bound);
    return bound;
  }

  private async run(): Promise<void> {
    const backoff = new Backoff();
    while (!this.stopping.signal.aborted) {
      if (this.queue.length === 0) await new Promise<void>((resolve) => (this.wake = resolve));
      this.wake = null;
      await pause(GATHER_MS, this.stopping.signal);
      const batch = this.nextBatch();
      if (batch.length === 0) continue;
      try {
        await this.post(batch);
        this.queue.splice(0, batch.length);
        backoff.reset();
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        const waitMs = backoff.nextMs();
        this.options.logger.warn({ err: error, waitMs: Math.round(waitMs), queued: this.queue.length }, "Cannot deliver agents' logs");
        await pause(waitMs, this.stopping.signal);
      }
    }
  }

  private nextBatch(): string[] {
    const batch: string[] = [];
    let bytes = 0;
    for (const line of this.queue) {
      bytes += Buffer.byteLength(line) + 1;
      if (batch.length >= MAX_LINES || bytes > MAX_BATCH_BYTES) break;
      batch.push(line);
    }
    return batch;
  }

  private async post(batch: readonly string[]): Promise<void> {
    const secret = await this.options.secrets.getByPath("system/data-plane-key");
    if (secret === undefined) throw new Error("The secret store has no data-plane key.");
    const body = batch.join("\n");
    const timestamp = String(Date.now());
    const path = new URL(this.options.apiUrl + PATH).pathname;
    const response = await fetch(this.options.apiUrl + PATH, {
      method: "POST",
      headers: {
        "content-type": "application/x-ndjson",
        "x-whs-delegation-source": SOURCE,
        "x-whs-delegation-timestamp": timestamp,
        "x-whs-delegation-signature": signV2(Buffer.from(secret, "hex"), { timestamp, source: SOURCE, method: "POST", path, body }),
      },
      body,
      redirect: "error",
      signal: AbortSignal.any([AbortSignal.timeout(REQUEST_TIMEOUT_MS), this.stopping.signal]),
    });
    await response.arrayBuffer();
    if (response.ok) return;
    // A batch that is refused as such would be refused for ever.
    if (response.status === 400 || response.status === 413)
      return this.options.logger.error({ status: response.status, lines: batch.length }, "The control plane refused agents' logs");
    throw new Error(`The control plane answered ${response.status} to logs.`);
  }
}

/** Cuts at a character's border, with a mark where something is missing. */
function cut(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= maxBytes) return text;
  const mark = " …";
  return (
    new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, maxBytes - Buffer.byteLength(mark)), { stream: true }) + mark
  );
}
