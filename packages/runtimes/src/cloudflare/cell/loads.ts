import type { CellContext, LoadedWorker, LoaderModule } from "cloudflare:workers";
import { PORT_BINDING } from "./answers.ts";
import type { LoadCode, LoadTicket } from "./control.ts";
import type { CellEnv } from "./env.ts";
import { Gate } from "./gate.ts";

/** Tickets of deployments that were invoked since the start; the supervisor has one dropped when its secrets change. */
const tickets = new Map<string, LoadTicket>();
/** Many first callers at once ask one after the other, and all but the first need not. */
const asking = new Gate(Infinity);
const MOST_ASKING = 4;
const loadIds = new Set<string>();
/** Loads whose code the supervisor could not give. */
const unserved = new Set<string>();

/** Whether a load failed before any of the agent's code was seen: that is the platform's fault, and worth another try. */
export function wasUnserved(loadId: string): boolean {
  return unserved.has(loadId);
}

/** Values that each load was given, so that no error of its agent carries one out. */
const secretsOfLoads = new Map<string, readonly string[]>();
/** Shorter values are words of any text. */
const SHORTEST_SECRET = 6;

export function loadCount(): number {
  return loadIds.size;
}

export function forgetTicket(deploymentId: string): void {
  tickets.delete(deploymentId);
}

/** Null when the deployment is unknown here. `failed`: the load that could not be used, to be tried under a new id. */
export async function ticketFor(env: CellEnv, deploymentId: string, failed?: string): Promise<LoadTicket | null> {
  const known = tickets.get(deploymentId);
  if (known !== undefined && known.loadId !== failed) return known;
  return asking.run(MOST_ASKING, async () => {
    const found = tickets.get(deploymentId);
    return found !== undefined && found.loadId !== failed ? found : askForTicket(env, deploymentId, failed);
  });
}

async function askForTicket(env: CellEnv, deploymentId: string, failed: string | undefined): Promise<LoadTicket | null> {
  const query = failed === undefined ? "" : `?failed=${encodeURIComponent(failed)}`;
  const response = await env.CONTROL.fetch(`http://control/deployments/${deploymentId}${query}`);
  const body = await response.text();
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`The supervisor answered ${response.status} for a load ticket.`);
  const ticket = JSON.parse(body) as LoadTicket;
  tickets.set(deploymentId, ticket);
  return ticket;
}

/** The text without any value of a secret that this load was given. */
export function withoutSecrets(loadId: string, text: string): string {
  let clean = text;
  for (const value of secretsOfLoads.get(loadId) ?? []) clean = clean.replaceAll(value, "[redacted]");
  return clean;
}

/** The isolate for a load, started when needed with code and secrets from the control socket. */
export function loadWorker(env: CellEnv, context: Pick<CellContext, "exports">, loadId: string): LoadedWorker {
  return env.LOADER.get(loadId, async () => {
    loadIds.add(loadId);
    const code = await fetchCode(env, loadId);
    secretsOfLoads.set(
      loadId,
      Object.values(code.secrets)
        .filter((value) => value.length >= SHORTEST_SECRET)
        .toSorted((a, b) => b.length - a.length),
    );
    const { Egress, LogTail, ShimPort } = context.exports;
    if (Egress === undefined || LogTail === undefined || ShimPort === undefined) throw new Error("The dispatcher lacks an entrypoint.");
    const props = { deploymentId: loadId.slice(0, loadId.indexOf(":")) };
    return {
      compatibilityDate: code.compatibilityDate,
      compatibilityFlags: code.compatibilityFlags,
      mainModule: code.mainModule,
      modules: Object.fromEntries(Object.entries(code.modules).map(([name, module]) => [name, loaderModule(module)])),
      env: { ...code.secrets, [PORT_BINDING]: ShimPort({ props }) },
      globalOutbound: Egress({ props }),
      tails: [LogTail({ props })],
    };
  });
}

async function fetchCode(env: CellEnv, loadId: string): Promise<LoadCode> {
  unserved.add(loadId);
  const response = await env.CONTROL.fetch(`http://control/loads/${encodeURIComponent(loadId)}`);
  if (!response.ok) throw new Error(`The supervisor answered ${response.status} for code.`);
  const code = (await response.json()) as LoadCode;
  unserved.delete(loadId);
  return code;
}

function loaderModule(module: LoadCode["modules"][string]): LoaderModule {
  if ("data" in module) return { data: bytes(module.data) };
  if ("wasm" in module) return { wasm: bytes(module.wasm) };
  return module;
}

function bytes(base64: string): ArrayBuffer {
  return Uint8Array.fromBase64(base64).buffer;
}
