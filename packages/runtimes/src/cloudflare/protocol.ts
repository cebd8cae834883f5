/** What the driver in the control plane and the supervisor on a data-plane node say to each other: JSON over HTTP on the supervisor's unix socket. */
import { z } from "zod";

/** Ids go into paths, file names and load ids, so nothing else may be in them. */
const idSchema = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/, "must be an id");

const moduleSchema = z.union([
  z.strictObject({ type: z.enum(["esm", "text", "json"]), text: z.string() }),
  z.strictObject({ type: z.enum(["wasm", "data"]), base64: z.base64() }),
]);

const telemetryKeySchema = z.strictObject({ rootKeyId: idSchema, keyVersion: z.int().min(1) });

export const secretRefsSchema = z.strictObject({ revision: z.int().min(0), refs: z.record(z.string(), z.string()) });
export type SecretRefsBody = z.output<typeof secretRefsSchema>;

/** `PUT /deployments/{deploymentId}`. Idempotent. 204; 422 with an error when the author has to change something. */
export const deploySchema = z.strictObject({
  userId: idSchema,
  agentId: idSchema,
  version: z.int().min(1),
  sessionful: z.boolean(),
  checksum: z.string(),
  compatibilityDate: z.string().optional(),
  compatibilityFlags: z.array(z.string()).optional(),
  mainModule: z.string().min(1),
  modules: z.record(z.string(), moduleSchema),
  secrets: secretRefsSchema,
  telemetry: telemetryKeySchema,
});
export type DeployBody = z.output<typeof deploySchema>;

/** `PUT /agents/{agentId}/secrets`. 204 when every running cell uses the new set for its next invocation. */
export const setSecretsSchema = z.strictObject({ userId: idSchema, deploymentIds: z.array(idSchema), secrets: secretRefsSchema });

/** `PUT /deployments/{deploymentId}/telemetry-key`. 204 when every event from now on is signed with it. */
export const setTelemetryKeySchema = z.strictObject({ userId: idSchema, telemetry: telemetryKeySchema });

/** `POST /destroy`: one deployment, or the agent with its sessions. Idempotent. 204. */
export const destroySchema = z.strictObject({ userId: idSchema, agentId: idSchema, deploymentId: idSchema.optional() });

/** `POST /sessions/destroy`. Idempotent. 204. */
export const destroySessionSchema = z.strictObject({ userId: idSchema, agentId: idSchema, providerSessionId: z.string().min(1).max(512) });

/** `POST /deployments/{deploymentId}/activate`: gets ready for traffic. 204. */
export const activateSchema = z.strictObject({ userId: idSchema });

/**
 * `POST /cells/ensure`: starts the tenant's cell when it does not run. `unreachable` is the instance whose socket refused:
 * a process that has just died is not known to be dead until somebody looks.
 */
export const ensureSchema = z.strictObject({ userId: idSchema, unreachable: z.string().optional() });
export const ensuredSchema = z.object({
  socketPath: z.string(),
  instance: z.string(),
  /** Connections that one gateway may make to the cell: a few more than it takes invocations, so that the cell does the refusing. */
  connections: z.int().min(1),
});

/** `GET /describe` */
export const describedSchema = z.object({
  /** Version of the supervisor itself, for the stack's `agent` component. */
  version: z.string(),
  /** Version of workerd, for the stack's `runtime-node` component. */
  workerd: z.string(),
  compatibilityDate: z.string(),
  isolation: z.array(z.object({ layer: z.string(), active: z.boolean(), detail: z.string() })),
  capabilities: z.array(z.string()),
  cells: z.object({ running: z.number(), limit: z.number() }),
});
export type Described = z.output<typeof describedSchema>;

/**
 * `POST /tenants/find`: whether this node has deployments of the tenant. `POST /tenants/release`: ends what runs of it here and
 * leaves it to the node that asks, of those that share the storage; 204.
 */
export const tenantSchema = z.strictObject({ userId: idSchema });
export const foundSchema = z.object({ here: z.boolean() });

/**
 * `POST /backups/create`: copies this node's deployments and sessions into an empty folder of its machine, while it goes on.
 * `POST /backups/restore`: brings them to a node that knows none of their tenants. Both answer with what was copied.
 */
export const backupSchema = z.strictObject({ folder: z.string().startsWith("/", "must be an absolute path") });

/** `GET /health`. `storage` names the storage directory: nodes that give the same one share it. */
export const healthSchema = z.object({ healthy: z.boolean(), detail: z.string(), storage: z.string() });
export type Health = z.output<typeof healthSchema>;

/** Body of every answer from 400 on. The message is safe to show. */
export const supervisorErrorSchema = z.object({
  kind: z.enum(["auth", "not_found", "invalid", "capacity", "transient", "runtime", "timeout", "session"]),
  message: z.string(),
  retryable: z.boolean(),
});
export type SupervisorErrorBody = z.output<typeof supervisorErrorSchema>;

/** Largest request: a bundle of 200 MiB cannot be loaded anyway, workerd's own bound for code is far below. */
export const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
