import { z } from "zod";
import type { Answer, Endpoint } from "./endpoint.ts";
import { errorStatus, type ErrorCode } from "./errors.ts";
import type { Protocol } from "./protocols.ts";

type Json = Record<string, unknown>;

/** What two services name differently. */
export interface Dialect {
  /** Field of every answer with the request's id. */
  idField: string;
  /** What a bearer may be. */
  bearer: string;
  /** Codes that any endpoint may answer with, beyond its own. */
  everywhere: readonly string[];
  statusesOf: (code: string) => readonly number[];
  error: z.ZodType;
}

const whsDialect: Dialect = {
  idField: "traceId",
  bearer: "A JWT of the configured OIDC issuer, or an API token `whs_…`",
  everywhere: ["INVALID_REQUEST", "INTERNAL", "UNAVAILABLE"],
  statusesOf: (code) => [errorStatus[code as ErrorCode]],
  error: z.object({
    error: z.object({
      code: z.enum(Object.keys(errorStatus) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
      details: z.record(z.string(), z.unknown()),
      retryable: z.boolean(),
    }),
    traceId: z.string(),
  }),
};

/** OpenAPI 3.1 description of the endpoints, a plain JSON value in a stable order. */
export function openApiDocument(
  endpoints: Record<string, Endpoint>,
  info: { title: string; version: string; description: string },
  dialect: Dialect = whsDialect,
): Json {
  const paths: Record<string, Json> = {};
  for (const endpoint of Object.values(endpoints)) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method.toLowerCase()]: operation(endpoint, dialect) };
  }
  const protocols = new Map(
    Object.values(endpoints).flatMap(({ protocol }) => (protocol === undefined ? [] : [[protocol.name, protocol]])),
  );
  return {
    openapi: "3.1.0",
    info,
    servers: [{ url: "/", description: "Where this document was read" }],
    paths: Object.fromEntries(Object.entries(paths).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: dialect.bearer },
        operator: { type: "http", scheme: "bearer", description: "The installation's `WHS_OPERATOR_TOKEN`; no user's credential is taken" },
      },
      schemas: {
        Error: toJson(dialect.error, "output"),
        ...Object.fromEntries([...protocols.values()].map((protocol) => [errorName(protocol), toJson(protocol.failure, "output")])),
      },
    },
  };
}

function operation(endpoint: Endpoint, dialect: Dialect): Json {
  return {
    operationId: endpoint.name,
    tags: [endpoint.name.split(".")[0]],
    summary: endpoint.summary,
    ...(endpoint.description === undefined ? {} : { description: endpoint.description }),
    ...(endpoint.access.kind === "user" ? { security: [{ bearer: [] }] } : {}),
    ...(endpoint.access.kind === "operator" ? { security: [{ operator: [] }] } : {}),
    ...(endpoint.access.kind === "user" && endpoint.access.scope !== null ? { "x-scope": endpoint.access.scope } : {}),
    ...(endpoint.access.kind === "user" && endpoint.access.role !== undefined ? { "x-role": endpoint.access.role } : {}),
    parameters: [...parameters("path", endpoint.params), ...parameters("query", endpoint.query), ...headerParameters(endpoint)],
    ...(endpoint.body ? { requestBody: requestBody(endpoint.body) } : {}),
    responses: { [endpoint.answer.status]: response(endpoint, dialect), ...errorResponses(endpoint, dialect) },
  };
}

function parameters(place: "path" | "query", schema: z.ZodObject | undefined): Json[] {
  if (!schema) return [];
  const json = toJson(schema, "input") as { properties: Record<string, Json>; required?: string[] };
  return Object.entries(json.properties).map(([name, property]) => {
    const { description, ...rest } = property;
    return {
      name,
      in: place,
      required: place === "path" || (json.required ?? []).includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

function headerParameters(endpoint: Endpoint): Json[] {
  const names: [string, boolean][] = [];
  if (endpoint.access.kind === "signature") {
    for (const name of endpoint.access.headers) names.push([name, true]);
    for (const name of endpoint.access.optionalHeaders ?? []) names.push([name, false]);
  }
  if (endpoint.idempotent) names.push(["Idempotency-Key", endpoint.idempotent === "required"]);
  return names.map(([name, required]) => ({ name, in: "header", required, schema: { type: "string" } }));
}

function requestBody(body: NonNullable<Endpoint["body"]>): Json {
  if (body.kind === "json") return { required: true, content: { "application/json": { schema: toJson(body.schema, "input") } } };
  const schema = body.kind === "raw" ? toJson(body.schema, "input") : { type: "string", format: "binary" };
  return { required: true, content: Object.fromEntries(body.contentTypes.map((type) => [type, { schema }])) };
}

/** Name of the schema of a protocol's failures. */
function errorName(protocol: Protocol | undefined): string {
  return protocol === undefined ? "Error" : `Error-${protocol.name}`;
}

function response(endpoint: Endpoint, dialect: Dialect): Json {
  const idField = endpoint.protocol === undefined ? dialect.idField : undefined;
  const content = {
    ...answerContent(endpoint.answer, idField),
    ...(endpoint.alternative ? answerContent(endpoint.alternative, idField) : {}),
  };
  const headers = responseHeaders(endpoint);
  return {
    description: endpoint.summary,
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    ...(Object.keys(content).length > 0 ? { content } : {}),
  };
}

/** Those of single endpoints; every answer bears `X-Trace-Id`. */
function responseHeaders({ answer, idempotent }: Endpoint): Json {
  const names = ["headers" in answer ? (answer.headers ?? []) : [], idempotent ? ["Idempotency-Replayed"] : []].flat();
  return Object.fromEntries(names.map((name) => [name, { schema: { type: "string" } }]));
}

function answerContent(answer: Answer, idField: string | undefined): Json {
  if (answer.kind === "empty") return {};
  if (answer.kind === "json") {
    const schema = idField === undefined ? answer.schema : answer.schema.extend({ [idField]: z.string() });
    return { "application/json": { schema: toJson(schema, "output") } };
  }
  const events = Object.entries(answer.events).map(([name, schema]) => ({ title: name, ...toJson(schema, "output") }));
  return { "text/event-stream": { schema: { type: "string" }, "x-events": events } };
}

function errorResponses(endpoint: Endpoint, { everywhere, statusesOf }: Dialect): Json {
  const { protocol } = endpoint;
  const codes = new Set<string>([...everywhere, ...endpoint.errors]);
  if (endpoint.access.kind !== "public") codes.add("UNAUTHENTICATED");
  if (endpoint.access.kind === "user") codes.add("UNAUTHORIZED");
  const byStatus = new Map<number, string[]>();
  const statuses = protocol === undefined ? statusesOf : (code: string) => [protocol.statuses[code as ErrorCode]];
  for (const code of codes) for (const status of statuses(code)) byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      status,
      {
        description: names.join(", "),
        content: { "application/json": { schema: { $ref: `#/components/schemas/${errorName(protocol)}` } } },
      },
    ]),
  );
}

function toJson(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, target: "draft-2020-12", unrepresentable: "any" });
  return json;
}
