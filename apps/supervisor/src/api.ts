import type { Server } from "node:http";
import { ProviderError } from "@whs/runtimes";
import {
  activateSchema,
  type Described,
  deploySchema,
  destroySchema,
  destroySessionSchema,
  ensureSchema,
  MAX_REQUEST_BYTES,
  setSecretsSchema,
  setTelemetryKeySchema,
} from "@whs/runtimes/supervisor-protocol";
import type { Logger } from "@whs/platform/log";
import type { z } from "zod";
import type { Cells } from "./cells/cells.ts";
import { deploy, type DeployDependencies } from "./deployments/deploy.ts";
import { destroy, destroySession, type DestroyDependencies } from "./deployments/destroy.ts";
import { setSecrets } from "./deployments/set-secrets.ts";
import { type JsonRequest, listenJson } from "./json-server.ts";

export interface ApiDependencies extends DeployDependencies, DestroyDependencies {
  cells: Cells;
  describe(): Described;
  health(): { healthy: boolean; detail: string };
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
  switch (`${request.method} /${noun}${id === "" ? "" : "/:"}${verb === undefined ? "" : `/${verb}`}`) {
    case "PUT /deployments/:":
      return deploy(dependencies, requireId(id), await parse(deploySchema, request));
    case "PUT /deployments/:/telemetry-key":
      return setTelemetryKey(dependencies, requireId(id), await parse(setTelemetryKeySchema, request));
    case "POST /deployments/:/activate":
      return activate(dependencies, requireId(id), (await parse(activateSchema, request)).userId);
    case "PUT /agents/:/secrets":
      return setSecrets(dependencies, requireId(id), await parse(setSecretsSchema, request));
    case "POST /destroy":
      return destroy(dependencies, await parse(destroySchema, request));
    case "POST /sessions/:":
      return destroySession(dependencies, await parse(destroySessionSchema, request));
    case "POST /cells/:":
      return ensure(dependencies, await parse(ensureSchema, request));
    case "GET /describe":
      return dependencies.describe();
    case "GET /health":
      return dependencies.health();
    default:
      throw new ProviderError("not_found", "There is no such request.", { reached: false });
  }
}

async function ensure({ cells, registry }: ApiDependencies, { userId, unreachable }: z.output<typeof ensureSchema>) {
  if (!registry.hasTenant(userId)) throw new ProviderError("not_found", "The deployment is not on this node.", { reached: false });
  if (unreachable !== undefined) await cells.checkAlive(userId, unreachable);
  const { paths, instance } = await cells.ensure(userId);
  return { socketPath: paths.mainSocket, instance };
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
async function activate({ cells, registry, logger }: ApiDependencies, deploymentId: string, userId: string): Promise<void> {
  if (registry.get(deploymentId)?.userId !== userId)
    throw new ProviderError("not_found", "The deployment is not on this node.", { reached: false });
  cells
    .ensure(userId)
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
