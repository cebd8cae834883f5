import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { agentSchema } from "../schemas/agent.ts";
import { idParams, idSchema, pageOf, pageQuerySchema, timeSchema } from "../schemas/base.ts";
import { deploymentFileContentSchema, deploymentFileQuery, deploymentFileSchema } from "../schemas/deployment-file.ts";
import { activateBody, createDeploymentBody, deploymentSchema, logLineSchema, uploadSchema } from "../schemas/deployment.ts";

export const createUpload = endpoint({
  name: "uploads.create",
  method: "POST",
  path: "/v1/uploads",
  summary: "Upload a bundle: tar.gz or zip with agent.config.json at its root",
  description: "`Content-Digest: sha-256=:<base64>:` is checked when sent.",
  access: { kind: "user", scope: "deployments:write" },
  body: { kind: "stream", contentTypes: ["application/gzip", "application/zip"], maxBytes: 25 * 1024 * 1024 },
  answer: { kind: "json", status: 201, schema: z.object({ upload: uploadSchema }) },
  errors: ["CONFLICT"],
  idempotent: true,
});

export const createDeployment = endpoint({
  name: "deployments.create",
  method: "POST",
  path: "/v1/agents/{id}/deployments",
  summary: "Deploy a bundle; poll the deployment until it is active or failed",
  access: { kind: "user", scope: "deployments:write" },
  params: idParams,
  body: { kind: "json", schema: createDeploymentBody },
  answer: { kind: "json", status: 202, schema: z.object({ deployment: deploymentSchema }) },
  errors: ["NOT_FOUND", "CONFLICT", "LIMIT_EXCEEDED"],
  idempotent: true,
});

export const listDeployments = endpoint({
  name: "deployments.list",
  method: "GET",
  path: "/v1/agents/{id}/deployments",
  summary: "List an agent's deployments, newest first",
  access: { kind: "user", scope: "agents:read" },
  params: idParams,
  query: pageQuerySchema,
  answer: { kind: "json", status: 200, schema: pageOf(deploymentSchema) },
  errors: ["NOT_FOUND"],
});

export const getDeployment = endpoint({
  name: "deployments.get",
  method: "GET",
  path: "/v1/deployments/{id}",
  summary: "Get a deployment",
  access: { kind: "user", scope: "agents:read" },
  params: idParams,
  answer: { kind: "json", status: 200, schema: z.object({ deployment: deploymentSchema }) },
  errors: ["NOT_FOUND"],
});

export const listDeploymentFiles = endpoint({
  name: "deployments.files",
  method: "GET",
  path: "/v1/deployments/{id}/files",
  summary: "List the files of a deployment's bundle, by path",
  access: { kind: "user", scope: "agents:read" },
  params: idParams,
  answer: { kind: "json", status: 200, schema: z.object({ items: z.array(deploymentFileSchema) }) },
  errors: ["NOT_FOUND", "RATE_LIMITED", "UNAVAILABLE"],
});

export const getDeploymentFile = endpoint({
  name: "deployments.file",
  method: "GET",
  path: "/v1/deployments/{id}/file",
  summary: "Read one file of a deployment's bundle, if it is text of at most 256 KiB",
  access: { kind: "user", scope: "agents:read" },
  params: idParams,
  query: deploymentFileQuery,
  answer: { kind: "json", status: 200, schema: z.object({ file: deploymentFileContentSchema }) },
  errors: ["NOT_FOUND", "RATE_LIMITED", "UNAVAILABLE"],
});

export const activateDeployment = endpoint({
  name: "deployments.activate",
  method: "POST",
  path: "/v1/agents/{id}/deployments/{deploymentId}/activate",
  summary: "Route the agent to this deployment: roll back or forward",
  access: { kind: "user", scope: "deployments:write" },
  params: z.strictObject({ id: idSchema, deploymentId: idSchema }),
  body: { kind: "json", schema: activateBody },
  answer: { kind: "json", status: 200, schema: z.object({ agent: agentSchema, deployment: deploymentSchema }) },
  errors: ["NOT_FOUND", "CONFLICT", "LIMIT_EXCEEDED"],
});

export const rotateTelemetryKey = endpoint({
  name: "deployments.rotateTelemetryKey",
  method: "POST",
  path: "/v1/deployments/{id}/telemetry-key/rotate",
  summary: "Raise the version of the deployment's telemetry key; the old one is accepted for an overlap",
  access: { kind: "user", scope: "deployments:write" },
  params: idParams,
  answer: { kind: "json", status: 200, schema: z.object({ keyVersion: z.int(), overlapUntil: timeSchema }) },
  errors: ["NOT_FOUND", "CONFLICT"],
});

export const listDeploymentLogs = endpoint({
  name: "deployments.logs",
  method: "GET",
  path: "/v1/deployments/{id}/logs",
  summary: "Read a deployment's log, newest first; follow=true streams new lines",
  access: { kind: "user", scope: "agents:read" },
  params: idParams,
  query: pageQuerySchema.extend({ follow: z.enum(["true", "false"]).default("false") }),
  answer: { kind: "json", status: 200, schema: z.object({ lines: z.array(logLineSchema), nextCursor: z.string().nullable() }) },
  alternative: { kind: "events", status: 200, events: { line: logLineSchema } },
  errors: ["NOT_FOUND", "RATE_LIMITED", "UNAVAILABLE"],
});
