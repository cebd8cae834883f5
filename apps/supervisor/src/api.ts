import type { Server } from "node:http";
import { ProviderError } from "@whs/runtimes";
import {
  activateSchema,
  backupSchema,
  type Described,
  deploySchema,
  destroySchema,
  destroySessionSchema,
  ensureSchema,
  type Health,
  MAX_REQUEST_BYTES,
  setSecretsSchema,
  setTelemetryKeySchema,
  tenantSchema,
} from "@whs/runtimes/supervisor-protocol";
import type { Logger } from "@whs/platform/log";
import type { z } from "zod";
import { createBackup } from "./backup/create-backup.ts";
import { type RestoreDependencies, restoreBackup } from "./backup/restore-backup.ts";
import type { Cells } from "./cells/cells.ts";
import type { Tenancy } from "./cells/tenancy.ts";
import { deploy, type DeployDependencies } from "./deployments/deploy.ts";
import { destroy, destroySession, type DestroyDependencies } from "./deployments/destroy.ts";
import { setSecrets } from "./deployments/set-secrets.ts";
import { type JsonRequest, listenJson } from "./json-server.ts";

export interface ApiDependencies extends DeployDependencies, DestroyDependencies, RestoreDependencies {
  cells: Cells;
  tenancy: Tenancy;
  /** Of one gateway to one cell. */
  maxConnections: number;
  describe(): Described;
  health(): Health;
  logger: Logger;
}

const ID = /^[A-Za-z0-9_-]{1,128}$/;

/** The control API for the driver. Who may connect to the socket may do everything. */
export function listenApi(socketPath: string, dependencies: ApiDependencies): Promise<Server> {
  return listenJson({
    socketPath,
    maxBodyBytes: MAX_REQUEST_BYTES,
    uid: null,
    handler: (request) => route(dependencies, request),
    logger: dependencies.logger,
  });
}

async function route(dependencies: ApiDependencies, request: JsonRequest): Promise<unknown> {
  const [noun, id = "", verb] = request.path;
  const owned = async <B extends { userId: string }>(schema: z.ZodType<B>, work: (body: B) => Promise<unknown>) => {
    const body = await parse(schema, request);
    return dependencies.tenancy.during(body.userId, () => work(body));
  };
  switch (`${request.method} /${noun}${id === "" ? "" : "/:"}${verb === undefined ? "" : `/${verb}`}`) {
    case "PUT /deployments/:":
      return owned(deploySchema, (body) => deploy(dependencies, requireId(id), body));
    case "PUT /deployments/:/telemetry-key":
      return owned(setTelemetryKeySchema, (body) => setTelemetryKey(dependencies, requireId(id), body));
    case "POST /deployments/:/activate":
      return owned(activateSchema, ({ userId }) => activate(dependencies, requireId(id), userId));
    case "PUT /agents/:/secrets":
      return owned(setSecretsSchema, (body) => setSecrets(dependencies, requireId(id), body));
    case "POST /destroy":
      return owned(destroySchema, (body) => destroy(dependencies, body));
    case "POST /sessions/:":
      return owned(destroySessionSchema, (body) => destroySession(dependencies, body));
    case "POST /cells/:":
      return owned(ensureSchema, (body) => ensure(dependencies, body));
    case "POST /tenants/:":
      return askedOfTenant(dependencies, id, (await parse(tenantSchema, request)).userId);
    case "POST /backups/:":
      return backup(dependencies, id, (await parse(backupSchema, request)).folder);
    case "GET /describe":
      return dependencies.describe();
    case "GET /health":
      return dependencies.health();
    default:
      throw noSuchRequest();
  }
}

async function askedOfTenant({ tenancy, registry }: ApiDependencies, verb: string, userId: string): Promise<unknown> {
  if (verb === "find") return { here: registry.hasTenant(userId) };
  if (verb === "release") return tenancy.release(userId);
  throw noSuchRequest();
}

async function backup(dependencies: ApiDependencies, verb: string, folder: string): Promise<unknown> {
  if (verb === "create") return createBackup(dependencies, folder);
  if (verb === "restore") return restoreBackup(dependencies, folder);
  throw noSuchRequest();
}

function noSuchRequest(): ProviderError {
  return new ProviderError("not_found", "There is no such request.", { reached: false });
}

async function ensure({ cells, registry, maxConnections }: ApiDependencies, { userId, unreachable }: z.output<typeof ensureSchema>) {
  if (!registry.hasTenant(userId)) throw new ProviderError("not_found", "The deployment is not on this node.", { reached: false });
  if (unreachable !== undefined) await cells.checkAlive(userId, unreachable);
  const { paths, instance } = await cells.ensure(userId);
  return { socketPath: paths.mainSocket, instance, connections: maxConnections };
}

async function setTelemetryKey(
  { registry }: ApiDependencies,
  deploymentId: string,
  { userId, telemetry }: z.output<typeof setTelemetryKeySchema>,
): Promise<void> {
  const record = registry.get(deploymentId);
  if (record?.userId !== userId) throw new ProviderError("not_found", "The deployment is not on this node.", { reached: false });
  await registry.update({ ...record, telemetry });
}

/** Starts the cell ahead of the first request; the answer does not wait, since a request would start it just as well. */
async function activate({ cells, tenancy, registry, logger }: ApiDependencies, deploymentId: string, userId: string): Promise<void> {
  if (registry.get(deploymentId)?.userId !== userId)
    throw new ProviderError("not_found", "The deployment is not on this node.", { reached: false });
  tenancy
    .during(userId, () => cells.ensure(userId))
    .catch((error: unknown) => logger.warn({ err: error, deploymentId }, "Cannot start a cell ahead of its first request"));
}

async function parse<S extends z.ZodType>(schema: S, request: JsonRequest): Promise<z.output<S>> {
  const parsed = schema.safeParse(await request.body());
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ProviderError("invalid", `The request is not valid: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trim(), {
    reached: false,
    cause: parsed.error,
  });
}

function requireId(id: string): string {
  if (ID.test(id)) return id;
  throw new ProviderError("invalid", "The request names no id.", { reached: false });
}
