import type { Logger } from "@whs/platform/log";
import { ProviderError } from "@whs/runtimes";
import { type CellAssembly, COMPATIBILITY_DATE, publicLoadError } from "@whs/runtimes/cell";
import type { DeployBody } from "@whs/runtimes/supervisor-protocol";
import type { Cell } from "../cells/cell.ts";
import type { Cells } from "../cells/cells.ts";
import { storedModules } from "./bundle.ts";
import type { Loads } from "./loads.ts";
import type { DeploymentRecord, DeploymentRegistry } from "./registry.ts";

export interface DeployDependencies {
  registry: DeploymentRegistry;
  loads: Loads;
  cells: Cells;
  surround: CellAssembly["surround"];
  logger: Logger;
}

/** workerd's own libraries for Node's modules; most bundles need some of them. */
const DEFAULT_FLAGS = ["nodejs_compat"];
/** Loading runs the module's top level, which has no business taking longer. */
const LOAD_TIMEOUT_MS = 10_000;
const LOAD_TRIES = 2;
const ENDING_MS = 2_000;

/**
 * Stores the code and loads it once in the tenant's cell. A deployment that is here already only takes newer references.
 * @throws ProviderError `invalid` with what the author has to change.
 */
export async function deploy(dependencies: DeployDependencies, deploymentId: string, body: DeployBody): Promise<void> {
  const { registry, surround } = dependencies;
  const record = recordOf(deploymentId, body);
  const known = registry.get(deploymentId);
  if (known?.loaded === true) {
    requireSame(known, record);
    const secrets = known.secrets.revision > record.secrets.revision ? known.secrets : record.secrets;
    return registry.update({ ...known, telemetry: record.telemetry, secrets });
  }
  await registry.add(record, storedModules(body, surround));
  try {
    await loadOnce(dependencies, record);
  } catch (error) {
    await registry.remove(deploymentId);
    throw error;
  }
  // Secrets or the key may have changed meanwhile.
  await registry.update({ ...(registry.get(deploymentId) ?? record), loaded: true });
}

function recordOf(deploymentId: string, body: DeployBody): DeploymentRecord {
  const { userId, agentId, version, sessionful, checksum, mainModule, secrets, telemetry } = body;
  const compatibilityDate = body.compatibilityDate ?? COMPATIBILITY_DATE;
  if (compatibilityDate > COMPATIBILITY_DATE)
    throw invalid(`The compatibility date ${compatibilityDate} is later than this runtime's, ${COMPATIBILITY_DATE}.`);
  const compatibilityFlags = [...(body.compatibilityFlags ?? DEFAULT_FLAGS), ...CELL_FLAGS];
  return {
    deploymentId,
    userId,
    agentId,
    version,
    sessionful,
    checksum,
    compatibilityDate,
    compatibilityFlags: [...new Set(compatibilityFlags)],
    mainModule,
    secrets,
    telemetry,
    loaded: false,
  };
}

/** What the shim needs to hear that a caller has gone. */
const CELL_FLAGS = ["enable_request_signal", "request_signal_passthrough"];

function requireSame(known: DeploymentRecord, next: DeploymentRecord): void {
  if (known.userId === next.userId && known.agentId === next.agentId && known.checksum === next.checksum) return;
  throw invalid("A deployment with this id and other content is here already.");
}

async function loadOnce({ cells, loads, logger }: DeployDependencies, { userId, deploymentId }: DeploymentRecord): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const cell = await cells.ensure(userId);
    const { loadId } = loads.ticket(userId, deploymentId);
    const outcome = await inspect(cell, loadId);
    if (outcome.state === "loaded") return;
    loads.nextAttempt(deploymentId);
    const ours = loads.takeFailure(loadId);
    if (ours !== undefined)
      throw new ProviderError("transient", "The deployment's code or secrets cannot be read now.", { reached: false, cause: ours });
    if (outcome.state === "refused") throw invalid(outcome.message);
    // The next try must not meet the process that is on its way out.
    const ended = await cell.hasEnded(ENDING_MS);
    logger.warn({ ended, err: outcome.error, deploymentId }, "A deployment could not be loaded in its cell");
    if (tries < LOAD_TRIES) continue;
    throw invalid("The module did not finish loading: its top level computes too long, or takes too much memory.");
  }
}

type Outcome = { state: "loaded" } | { state: "refused"; message: string } | { state: "died"; error: unknown };

async function inspect(cell: Cell, loadId: string): Promise<Outcome> {
  try {
    const { ok, text } = await cell.gateway.inspect(loadId, LOAD_TIMEOUT_MS);
    if (ok) return { state: "loaded" };
    const { message } = JSON.parse(text) as { message: string };
    return { state: "refused", message: publicLoadError(message) };
  } catch (error) {
    return { state: "died", error };
  }
}

function invalid(message: string): ProviderError {
  return new ProviderError("invalid", message, { reached: false });
}
