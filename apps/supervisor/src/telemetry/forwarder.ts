import { createSecretKey, type KeyObject } from "node:crypto";
import type { Logger } from "@whs/platform/log";
import type { SecretStore } from "@whs/platform/secrets";
import { deriveTelemetryKey, signV1 } from "@whs/platform/signatures";
import { type CloudflarePrices, estimateCloudflareCost } from "@whs/runtimes";
import { type InvocationRecord, telemetryEvent } from "@whs/runtimes/cell";
import { z } from "zod";
import { Backoff, pause } from "../delivery.ts";
import type { DeploymentRecord, DeploymentRegistry } from "../deployments/registry.ts";
import type { Journal } from "./journal.ts";

export interface TelemetryOptions {
  apiUrl: string;
  journal: Journal;
  registry: DeploymentRegistry;
  secrets: Pick<SecretStore, "getByPath">;
  prices: CloudflarePrices;
  logger: Logger;
}

/** Bound of the batch endpoint; its 4 MiB are not reached by so many events. */
const MAX_LINES = 1000;
/** The control plane refuses older events, so that keeping them would only block younger ones. */
const MAX_AGE_MS = 24 * 3600 * 1000;
/** Time for a batch to grow once there is something to send: each one costs both sides far more than an event in it. */
const GATHER_MS = 50;
const REQUEST_TIMEOUT_MS = 30_000;

/** A line of the journal: the event as it will be signed, and what its key is derived from. */
interface JournalLine {
  deploymentId: string;
  rootKeyId: string;
  keyVersion: number;
  /** Epoch milliseconds. */
  at: number;
  event: string;
}
const answerSchema = z.object({
  accepted: z.number(),
  duplicates: z.number(),
  rejected: z.array(z.object({ line: z.number(), code: z.string() })),
});

/** Turns what cells report into signed events, and brings each to the control plane at least once; it counts each once. */
export class TelemetryForwarder {
  private readonly options: TelemetryOptions;
  private readonly stopping = new AbortController();
  private readonly keys = new Map<string, KeyObject>();
  private wake: (() => void) | null = null;
  private sending: Promise<void> | null = null;

  constructor(options: TelemetryOptions) {
    this.options = options;
  }

  start(): void {
    this.sending = this.run();
  }

  /** Resolves when the records would survive this process. */
  async report(userId: string, records: readonly InvocationRecord[]): Promise<void> {
    const { registry, prices, journal } = this.options;
    const lines = records.flatMap((record) => {
      const deployment = registry.get(record.deploymentId);
      // A cell speaks for its own tenant only; a deployment that was destroyed meanwhile is nobody's.
      if (deployment === undefined || deployment.userId !== userId) return [];
      const cost = estimateCloudflareCost({ requests: 1, tokens: record.tokens, computeMs: record.computeMs }, prices);
      return [JSON.stringify(journalLine(record, deployment, cost))];
    });
    if (lines.length === 0) return;
    await journal.append(lines);
    this.wake?.();
  }

  /** Sends what is left, for at most `withinMs`; the rest waits in the journal for the next start. */
  async close(withinMs: number): Promise<void> {
    const untilMs = Date.now() + withinMs;
    while (!this.options.journal.isEmpty && Date.now() < untilMs) await pause(10, this.stopping.signal);
    this.stopping.abort();
    this.wake?.();
    await this.sending;
    await this.options.journal.close();
  }

  private async run(): Promise<void> {
    const backoff = new Backoff();
    while (!this.stopping.signal.aborted) {
      try {
        const sent = await this.sendBatch();
        backoff.reset();
        if (!sent) await new Promise<void>((resolve) => (this.wake = resolve));
        this.wake = null;
        await pause(GATHER_MS, this.stopping.signal);
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        const waitMs = backoff.nextMs();
        this.options.logger.warn(
          { err: error, waitMs: Math.round(waitMs), lost: this.options.journal.lost },
          "Cannot deliver telemetry; it is kept",
        );
        await pause(waitMs, this.stopping.signal);
      }
    }
  }

  /** False when there was nothing to send. */
  private async sendBatch(): Promise<boolean> {
    const batch = await this.options.journal.read(MAX_LINES);
    if (batch.lines.length === 0) return !this.options.journal.isEmpty;
    const lines = batch.lines.map((line) => JSON.parse(line) as JournalLine).filter(({ at }) => Date.now() - at < MAX_AGE_MS);
    if (lines.length > 0) await this.post(lines);
    await batch.done();
    return true;
  }

  private async post(lines: readonly JournalLine[]): Promise<void> {
    const signed = await Promise.all(
      lines.map(async (line) =>
        JSON.stringify({ deploymentId: line.deploymentId, signature: signV1(await this.key(line), line.event), event: line.event }),
      ),
    );
    const response = await fetch(`${this.options.apiUrl}/v1/telemetry/batch`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: signed.join("\n"),
      redirect: "error",
      signal: AbortSignal.any([AbortSignal.timeout(REQUEST_TIMEOUT_MS), this.stopping.signal]),
    });
    const text = await response.text();
    if (response.status !== 202) throw new Error(`The control plane answered ${response.status} to telemetry.`);
    const { rejected } = answerSchema.parse(JSON.parse(text));
    await this.settleRejected(lines, rejected);
  }

  /** What failed on the control plane's side is written behind the others and sent again; what is refused stays refused. */
  private async settleRejected(lines: readonly JournalLine[], rejected: readonly { line: number; code: string }[]): Promise<void> {
    const again = rejected.filter(({ code }) => RETRYABLE.has(code));
    if (again.length === lines.length) throw new Error(`The control plane could not take telemetry: ${again[0]?.code}.`);
    await this.options.journal.append(
      again.flatMap(({ line }) => (lines[line - 1] === undefined ? [] : [JSON.stringify(lines[line - 1])])),
    );
    const refused = rejected.filter(({ code }) => !RETRYABLE.has(code));
    if (refused.length > 0)
      this.options.logger.warn({ refused: refused.slice(0, 10), count: refused.length }, "The control plane refused telemetry events");
  }

  /** Derived keys of what was sent lately; the root key itself is not kept. */
  private async key({ rootKeyId, deploymentId, keyVersion }: JournalLine): Promise<KeyObject> {
    const name = `${rootKeyId}/${deploymentId}/${keyVersion}`;
    const known = this.keys.get(name);
    if (known !== undefined) return known;
    const root = await this.options.secrets.getByPath(`system/telemetry-root/${rootKeyId}`);
    if (root === undefined) throw new Error(`The secret store has no telemetry root key ${rootKeyId}.`);
    const key = createSecretKey(deriveTelemetryKey(Buffer.from(root, "hex"), deploymentId, keyVersion));
    if (this.keys.size >= MAX_KEYS) this.keys.clear();
    this.keys.set(name, key);
    return key;
  }
}

const MAX_KEYS = 10_000;
const RETRYABLE: ReadonlySet<string> = new Set(["UNAVAILABLE", "INTERNAL", "RATE_LIMITED"]);

function journalLine(record: InvocationRecord, deployment: DeploymentRecord, cost: number): JournalLine {
  const { rootKeyId, keyVersion } = deployment.telemetry;
  return { deploymentId: record.deploymentId, rootKeyId, keyVersion, at: record.at, event: telemetryEvent(record, deployment, cost) };
}
