/** The driver on a local service of its own, with what it reports. */
import { join } from "node:path";
import {
  type AgentcoreEvent,
  type AgentcoreLine,
  type AgentcoreProviderOptions,
  createAgentcoreProvider,
  defaultAgentcorePrices,
} from "@whs/runtimes/agentcore";
import type { ConformanceTarget, ReceivedEvent } from "@whs/runtimes/conformance";
import { vi } from "vitest";
import { CREDENTIALS, LocalService, REGION, ROLE } from "./local-service.ts";

/** The base of images takes seconds to make, and is the same for everybody on this machine. */
const CACHE = join(import.meta.dirname, "../../../node_modules/.cache/whs-agentcore");
const WAIT = { timeout: 60_000 };

export interface AdapterTarget extends ConformanceTarget {
  service: LocalService;
  /** How often each invocation was reported. */
  reports(eventId: string): number;
}

export async function startAdapter(environment: Record<string, string> = {}): Promise<AdapterTarget> {
  const service = await LocalService.start(environment);
  const target = openAdapter(service);
  return {
    ...target,
    async close() {
      await target.close();
      await service.close();
    },
  };
}

/** One more driver on a service that runs already. */
export function openAdapter(service: LocalService, options: Partial<AgentcoreProviderOptions> = {}): AdapterTarget {
  const secrets = new Map<string, string>();
  const events = new Map<string, AgentcoreEvent[]>();
  const lines: AgentcoreLine[] = [];
  const provider = createAgentcoreProvider({
    driver: "local",
    region: REGION,
    endpoint: service.service.url,
    credentials: CREDENTIALS,
    roleArn: ROLE,
    network: { mode: "PUBLIC" },
    sessionStorage: true,
    lifecycle: { idleTimeoutSeconds: 900, maxLifetimeSeconds: 28_800 },
    images: {
      registry: service.service.url,
      repository: "whs-agents",
      credentials: () => Promise.resolve({ username: CREDENTIALS.accessKeyId, password: CREDENTIALS.secretAccessKey }),
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      base: { kind: "built", nodeBinary: process.execPath, libraryRoot: "/" },
      cacheDirectory: CACHE,
    },
    prices: defaultAgentcorePrices,
    readSecret: (reference) => Promise.resolve(secrets.get(reference) ?? ""),
    report: (event) => void events.set(event.eventId, [...(events.get(event.eventId) ?? []), event]),
    log: (written) => void lines.push(...written),
    ...options,
  });
  return {
    service,
    provider,
    reports: (eventId) => events.get(eventId)?.length ?? 0,
    putSecret(value) {
      const reference = `secret-${secrets.size}`;
      secrets.set(reference, value);
      return Promise.resolve(reference);
    },
    event: (eventId) => vi.waitFor(() => onlyOne(events.get(eventId)), WAIT),
    line: (matches) =>
      vi.waitFor(() => {
        const found = lines.find(matches);
        if (found === undefined) throw new Error("There is no such line yet.");
        return found;
      }, WAIT),
    agents: (answer) => ({ token: () => "", carryOut: answer }),
    received: () => JSON.stringify([...events.values(), lines]),
    telemetry: { rootKeyId: "1", keyVersion: 1 },
    close: () => provider.close(),
  };
}

function onlyOne(found: readonly AgentcoreEvent[] | undefined): ReceivedEvent {
  const [first, second] = found ?? [];
  if (first === undefined || second !== undefined) throw new Error(`There are ${found?.length ?? 0} such events.`);
  return first;
}
