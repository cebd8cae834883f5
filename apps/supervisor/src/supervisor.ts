/** Composition root: opens everything of a data-plane node, in order, and closes it in the reverse order. */
import { createHash, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createDirectory, moveIntoFreePlace, writeTemporary } from "@whs/platform/durable-files";
import { openEgressPolicy } from "@whs/platform/egress";
import type { Logger } from "@whs/platform/log";
import { maxOpenFiles } from "./process-info.ts";
import { closeServer } from "@whs/platform/sandbox";
import { openSecretStore } from "@whs/platform/secrets";
import { assembleCell, COMPATIBILITY_DATE } from "@whs/runtimes/cell";
import type { Described } from "@whs/runtimes/supervisor-protocol";
import workerd from "workerd";
import { AgentCalls } from "./agent-calls.ts";
import { listenApi } from "./api.ts";
import { Cells } from "./cells/cells.ts";
import { toleranceBytes } from "./cells/storage-meter.ts";
import { SharedTenancy, soleTenancy } from "./cells/tenancy.ts";
import { livingOwner, removeOwner, writeOwner } from "./cells/owner.ts";
import type { SupervisorConfig } from "./config.ts";
import { Loads } from "./deployments/loads.ts";
import { DeploymentRegistry } from "./deployments/registry.ts";
import { EgressProxy } from "./egress/proxy.ts";
import { AgentFilters } from "./logs/agent-filters.ts";
import { LogForwarder } from "./logs/forwarder.ts";
import { planSandbox } from "./sandbox/sandbox.ts";
import { TelemetryForwarder } from "./telemetry/forwarder.ts";
import { Journal } from "./telemetry/journal.ts";

export interface Supervisor {
  socketPath: string;
  /** Sentences for the person who starts it: which isolation layers are on, and which are not. */
  notes: readonly string[];
  /** Takes no more, lets what runs end, delivers what cells reported. Within ten seconds. */
  close(): Promise<void>;
}

/** Of the ten seconds that stopping may take. */
const DRAIN_MS = 5_000;
const DELIVER_MS = 2_500;
/** Requests of one cell that wait for an answer at once; each takes two of its files. */
const MAX_OUTBOUND = 128;
/** Files that an open session takes of its cell, measured while it writes: databases with their logs and indexes, and its folder. */
const FILES_OF_SESSION = 10;
/** workerd keeps a second descriptor of each connection, to see its end. */
const FILES_OF_CONNECTION = 2;
/** Shares of a cell's files: for open sessions, and for invocations, each of which has a connection. */
const FILES_FOR_SESSIONS = 0.4;
const FILES_FOR_INVOCATIONS = 0.3;
/** Over which a gateway hears that no more invocations are taken. */
const SPARE_CONNECTIONS = 0.1;
/** Dispatcher's buffer while the control socket is slow. */
const MAX_BUFFERED = 20_000;

/** What a node can do for deployments, for the stack's components. */
const CAPABILITIES = ["streaming", "sessions", "secrets", "egress", "logs", "telemetry"];

/** @throws Error when another supervisor owns the data directory, or a demanded layer of isolation is missing. */
export async function openSupervisor(config: SupervisorConfig, logger: Logger): Promise<Supervisor> {
  await Promise.all([createDirectory(config.nodeDir), createDirectory(config.runDir)]);
  const ownerFile = join(config.nodeDir, "supervisor.json");
  await takeOwnership(ownerFile);
  await refuseMixedOwners(config);
  const maxInvocations = Math.min(
    config.cell.maxInvocations,
    Math.floor((config.cell.maxFiles * FILES_FOR_INVOCATIONS) / FILES_OF_CONNECTION),
  );
  const [sandbox, assembly, secrets, registry, policy, journal, version] = await Promise.all([
    planSandbox({
      ...config.cell,
      mode: config.cell.sandbox,
      workerd: workerd.default,
      owner: ownerTag(config.nodeDir),
      probeDir: config.runDir,
    }),
    assembleCell({
      workerd: workerd.default,
      limits: {
        maxInvocations,
        maxOutbound: Math.min(MAX_OUTBOUND, Math.floor(config.cell.maxFiles / 16)),
        maxOpenSessions: Math.floor((config.cell.maxFiles * FILES_FOR_SESSIONS) / FILES_OF_SESSION),
        storageToleranceBytes: toleranceBytes(config.cell.storageBytes),
        maxBuffered: MAX_BUFFERED,
      },
      maxHeapMb: config.cell.heapMb,
    }),
    openSecretStore({ ...config.secrets, log: logger }),
    DeploymentRegistry.open(config.storageDir, { sweep: config.node === null }),
    openEgressPolicy(config.egress),
    Journal.open(join(config.nodeDir, "telemetry"), config.journalBytes),
    ownVersion(),
  ]);
  const storage = await storageId(config.storageDir);
  const filters = new AgentFilters();
  const loads = new Loads(registry, secrets, filters);
  const egress = new EgressProxy(policy, registry, await maxOpenFiles(), logger);
  const telemetry = new TelemetryForwarder({ apiUrl: config.apiUrl, journal, registry, secrets, prices: config.prices, logger });
  const logs = new LogForwarder({
    apiUrl: config.apiUrl,
    registry,
    filters,
    secrets,
    linesPerSecond: config.cell.logLinesPerSecond,
    logger,
  });
  const agentCalls = new AgentCalls({ apiUrl: config.apiUrl, logger });
  const cells = new Cells({
    ...config.cell,
    runDir: config.runDir,
    storageDir: config.storageDir,
    sandbox,
    config: assembly.config,
    loads,
    reports: { telemetry: (userId, records) => telemetry.report(userId, records), logs: (userId, records) => logs.report(userId, records) },
    agentCalls,
    listenForEgress: (userId, socketPath, uid) => egress.listen(userId, socketPath, uid),
    watchdog: { intervalMs: config.cell.heartbeatMs, cpuMs: config.cell.heartbeatCpuMs, wallMs: config.cell.heartbeatWallMs },
    memoryBytes: config.cell.memoryMb * 1024 * 1024,
    onEnded: (userId) => filters.forgetAll(registry.ofTenant(userId)),
    logger,
  });
  const tenancy =
    config.node === null
      ? soleTenancy
      : new SharedTenancy({
          storageDir: config.storageDir,
          socketPath: config.socketPath,
          onAcquired: (userId) => registry.reload(userId),
          end: (userId, then) => cells.exclusively(userId, { reason: "its tenant moves to another node", drainMs: DRAIN_MS }, then),
          logger,
        });
  const describe = (): Described => ({
    version: config.reportedVersions.agent ?? version,
    workerd: config.reportedVersions["runtime-node"] ?? workerd.version,
    compatibilityDate: COMPATIBILITY_DATE,
    isolation: [...sandbox.layers],
    capabilities: CAPABILITIES,
    cells: { running: cells.count, limit: cells.limit },
  });
  const health = () => ({ healthy: true, detail: `${cells.count} of ${cells.limit} cells run`, storage });
  telemetry.start();
  logs.start();
  const api = await listenApi(config.socketPath, {
    registry,
    loads,
    cells,
    tenancy,
    maxConnections: Math.ceil(maxInvocations * (1 + SPARE_CONNECTIONS)),
    cellUid: sandbox.cellUid,
    surround: (mainModule) => assembly.surround(mainModule),
    roots: config,
    describe,
    health,
    logger,
  });
  const close = async () => {
    await closeServer(api);
    await cells.close(DRAIN_MS);
    await agentCalls.close();
    await tenancy.close();
    await Promise.all([telemetry.close(DELIVER_MS), logs.close(DELIVER_MS)]);
    await secrets.close();
    await removeOwner(ownerFile);
  };
  const notes = sandbox.layers.map(({ layer, active, detail }) => `${active ? "on" : "MISSING"}: ${layer}: ${detail}`);
  return { socketPath: config.socketPath, notes, close };
}

/** Two supervisors on one directory would start two cells on one storage. */
async function takeOwnership(ownerFile: string): Promise<void> {
  const owner = await livingOwner(ownerFile);
  if (owner !== null && owner.pid !== process.pid) throw new Error(`Another supervisor, process ${owner.pid}, uses this data directory.`);
  await writeOwner(ownerFile, process.pid);
}

/** A node without a name believes that it is alone with its storage; nodes with names know of each other. */
async function refuseMixedOwners({ node, storageDir }: SupervisorConfig): Promise<void> {
  const nodesDir = join(storageDir, "nodes");
  await createDirectory(nodesDir);
  const others = node === null ? (await readdir(nodesDir)).map((name) => join(nodesDir, name)) : [storageDir];
  for (const folder of others) {
    const owner = await livingOwner(join(folder, "supervisor.json"));
    if (owner !== null)
      throw new Error(`Another supervisor, process ${owner.pid}, uses this storage directory; give each of them a name by WHS_NODE.`);
  }
}

/** Names the storage directory, so that whoever talks to several nodes sees whether they share one. */
async function storageId(storageDir: string): Promise<string> {
  const place = join(storageDir, "storage-id");
  await moveIntoFreePlace(await writeTemporary(storageDir, Buffer.from(randomUUID())), place);
  return readFile(place, "utf8");
}

/** Short, and the same for the same directory, so that what a killed supervisor left is found again. */
function ownerTag(nodeDir: string): string {
  return createHash("sha256").update(nodeDir).digest("hex").slice(0, 8);
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
