import type { InvocationRecord } from "../../cell/control.ts";
import { telemetryEvent } from "../../cell/telemetry-event.ts";
import { estimateCloudflareCost } from "../../cost.ts";
import type { DispatchEnv } from "./env.ts";
import type { DeploymentRecord } from "./registry.ts";
import { type HmacKey, importHmacKey } from "./signed-request.ts";

/**
 * Waits before each attempt to deliver. A Worker may go on for 30 s after its answer; what is not delivered by then is
 * counted by the gateway's own record of the invocation.
 */
const WAITS_MS = [20, 500, 1_500, 4_000, 8_000];
const ATTEMPT_MS = 3_000;
/** Of events that wait while the control plane is away. */
const MAX_PENDING = 10_000;
const BATCH = 500;
const RETRYABLE: ReadonlySet<string> = new Set(["UNAVAILABLE", "INTERNAL", "RATE_LIMITED"]);

interface SignedEvent {
  deploymentId: string;
  signature: string;
  event: string;
}
interface PendingEvent {
  deployment: DeploymentRecord;
  event: string;
}

const encoder = new TextEncoder();
const pending: PendingEvent[] = [];
/** Derived keys of deployments that ran in this isolate. */
const keys = new Map<string, HmacKey>();
const MAX_KEYS = 1_000;

/** Signs the event with its deployment's derived key and brings it to the control plane, with others that are due. */
export async function report(env: DispatchEnv, record: InvocationRecord, deployment: DeploymentRecord): Promise<void> {
  const { tokens, computeMs } = record;
  const cost = estimateCloudflareCost({ requests: 1, tokens, computeMs }, env.SETTINGS.prices);
  if (pending.length < MAX_PENDING) pending.push({ deployment, event: telemetryEvent(record, deployment, cost) });
  await pause(WAITS_MS[0] ?? 0);
  let batch = await Promise.all(pending.splice(0, BATCH).map((event) => signed(env, event)));
  for (const waitMs of WAITS_MS.slice(1)) {
    if (batch.length > 0) batch = await deliver(env, batch);
    if (batch.length === 0) return;
    await pause(waitMs);
  }
}

/** What has to be sent again. */
async function deliver(env: DispatchEnv, batch: readonly SignedEvent[]): Promise<SignedEvent[]> {
  try {
    const response = await fetch(`${env.API_URL}/v1/telemetry/batch`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: batch.map((event) => JSON.stringify(event)).join("\n"),
      signal: AbortSignal.timeout(ATTEMPT_MS),
    });
    if (response.status !== 202) {
      await response.body?.cancel();
      return [...batch];
    }
    const { rejected } = (await response.json()) as { rejected: { line: number; code: string }[] };
    return rejected.flatMap(({ line, code }) => (RETRYABLE.has(code) ? batch.slice(line - 1, line) : []));
  } catch (error) {
    console.warn(`Telemetry could not be delivered: ${String(error)}`);
    return [...batch];
  }
}

async function signed(env: DispatchEnv, { deployment, event }: PendingEvent): Promise<SignedEvent> {
  const signature = await crypto.subtle.sign("HMAC", await telemetryKey(env, deployment), encoder.encode(event));
  return { deploymentId: deployment.deploymentId, signature: `v1=${new Uint8Array(signature).toHex()}`, event };
}

/** HKDF-SHA256 of the root key, without salt, as `deriveTelemetryKey` of the control plane makes it. */
async function telemetryKey(env: DispatchEnv, { deploymentId, telemetry }: DeploymentRecord): Promise<HmacKey> {
  const { rootKeyId, keyVersion } = telemetry;
  const name = `${rootKeyId}/${deploymentId}/${keyVersion}`;
  const known = keys.get(name);
  if (known !== undefined) return known;
  const root = (env as unknown as Record<string, unknown>)[`TELEMETRY_ROOT_${rootKeyId}`];
  if (typeof root !== "string") throw new Error(`The dispatch Worker has no telemetry root key ${rootKeyId}: run setup again.`);
  const imported = await crypto.subtle.importKey("raw", Uint8Array.fromHex(root), "HKDF", false, ["deriveBits"]);
  const info = encoder.encode(`telemetry/${deploymentId}/${keyVersion}`);
  const bits = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info }, imported, 256);
  const key = await importHmacKey(new Uint8Array(bits), "sign");
  if (keys.size >= MAX_KEYS) keys.clear();
  keys.set(name, key);
  return key;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
