import { validate } from "@scalar/openapi-validator";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { endpoint, type Endpoint } from "./endpoint.ts";
import { internalEndpoints, protocolEndpoints, whsApiInfo, whsEndpoints } from "./endpoints/index.ts";
import { errorStatus } from "./errors.ts";
import { openApiDocument } from "./openapi.ts";

interface Operation {
  operationId: string;
  parameters: { name: string; in: string; required: boolean }[];
  requestBody?: { content: Record<string, unknown> };
  responses: Record<
    string,
    { headers?: Record<string, unknown>; content?: Record<string, { schema: { properties?: Record<string, unknown> } }> }
  >;
}
const document = openApiDocument({ ...whsEndpoints, ...protocolEndpoints }, whsApiInfo) as {
  paths: Record<string, Record<string, Operation>>;
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);
const protocolNames = new Set<string>(Object.values(protocolEndpoints).map(({ name }) => name));
const all: [string, Endpoint][] = Object.values({ ...whsEndpoints, ...protocolEndpoints, ...internalEndpoints }).map((value) => [
  value.name,
  value,
]);

test("the document is valid OpenAPI 3.1", () => {
  const { valid, errors, version } = validate(structuredClone(document), { checkPathParameters: true });
  expect(errors).toEqual([]);
  expect([valid, version]).toEqual([true, "3.1"]);
});

test("the validator would see a mistake", () => {
  const broken = structuredClone(document) as unknown as { paths: Record<string, Record<string, { responses: unknown }>> };
  for (const methods of Object.values(broken.paths)) for (const operation of Object.values(methods)) operation.responses = "none";
  expect(validate(broken).valid).toBe(false);
});

test("the committed document is current", () => {
  const committed: unknown = JSON.parse(readFileSync(new URL("../openapi.json", import.meta.url), "utf8"));
  expect(committed).toEqual(JSON.parse(JSON.stringify(document)));
});

test("every endpoint is in it once, under its own name", () => {
  expect(operations).toHaveLength(Object.keys({ ...whsEndpoints, ...protocolEndpoints }).length);
  const names = operations.map(({ operation }) => operation.operationId);
  expect(new Set(names).size).toBe(names.length);
});

test.each(all)("%s declares each place of its path, and no other", (_name, { path, params }) => {
  const places = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  expect(Object.keys(params?.shape ?? {}).toSorted()).toEqual(places.toSorted());
});

// Whoever speaks AG-UI lets pass what it does not know.
test.each(all.filter(([, { protocol }]) => protocol?.name !== "ag-ui"))(
  "%s refuses parameters and fields that it does not know",
  (_name, { params, query, body }) => {
    const schemas = [params, query, body?.kind === "json" ? body.schema : undefined].filter((schema) => schema !== undefined);
    for (const schema of schemas) {
      const { error } = z.safeParse(schema, { nobodyKnowsThis: 1 });
      expect(JSON.stringify(error?.issues)).toContain("nobodyKnowsThis");
    }
  },
);

test.each(all)("%s takes no parameter whose name the client uses for itself", (_name, { params, query }) => {
  const names = [...Object.keys(params?.shape ?? {}), ...Object.keys(query?.shape ?? {})];
  expect(names.filter((name) => ["body", "bytes", "signal", "idempotencyKey"].includes(name))).toEqual([]);
  expect(new Set(names).size).toBe(names.length);
});

test("every answer in JSON has a trace id, and every failure the envelope, except in a protocol's own form", () => {
  const own = operations.filter(({ operation }) => !protocolNames.has(operation.operationId));
  const answers = own.flatMap(({ operation }) =>
    Object.entries(operation.responses).flatMap(([status, { content }]) => {
      const schema = content?.["application/json"]?.schema;
      return schema === undefined ? [] : [{ name: operation.operationId, failed: Number(status) >= 400, schema }];
    }),
  );
  const untraced = answers.filter(({ failed, schema }) => !failed && !Object.hasOwn(schema.properties ?? {}, "traceId"));
  expect(untraced.map(({ name }) => name)).toEqual([]);
  const failures = answers.filter(({ failed }) => failed).map(({ schema }) => schema);
  expect(failures).toEqual(failures.map(() => ({ $ref: "#/components/schemas/Error" })));
});

test.each(Object.values(protocolEndpoints))("$name has failures of its protocol's form, and its statuses", ({ name, protocol, answer }) => {
  const responses: Operation["responses"] = operations.find(({ operation }) => operation.operationId === name)?.operation.responses ?? {};
  const failures = Object.entries(responses).filter(([status]) => Number(status) >= 400);
  const statuses: readonly number[] = Object.values(protocol.statuses);
  for (const [status, { content }] of failures) {
    expect(statuses).toContain(Number(status));
    expect(content?.["application/json"]?.schema).toEqual({ $ref: `#/components/schemas/Error-${protocol.name}` });
  }
  expect(responses[String(answer.status)]?.content?.["application/json"]?.schema.properties ?? {}).not.toHaveProperty("traceId");
});

test.each(all)("%s says which failures it may answer with", (_name, { errors }) => {
  for (const code of errors) expect(errorStatus).toHaveProperty(code);
});

test("what a creating endpoint and its answer have in headers is described", () => {
  const creating = document.paths["/v1/agents"]?.["post"];
  expect(creating?.parameters).toContainEqual({ name: "Idempotency-Key", in: "header", required: false, schema: { type: "string" } });
  expect(creating?.responses["201"]?.headers).toEqual({ "Idempotency-Replayed": { schema: { type: "string" } } });
  expect(document.paths["/v1/agents/{id}/secrets"]?.["post"]?.responses["204"]?.headers).toHaveProperty("Whs-Redeploy-Required");
});

test("a description derives from the endpoint's value alone", () => {
  const one = endpoint({
    name: "things.get",
    method: "GET",
    path: "/things/{id}",
    summary: "Get a thing",
    access: { kind: "public" },
    params: z.strictObject({ id: z.string().describe("Its id") }),
    query: z.strictObject({ limit: z.int().max(5).default(2), exact: z.boolean() }),
    answer: { kind: "events", status: 200, events: { tick: z.object({ n: z.int() }) } },
    errors: ["NOT_FOUND"],
  });
  const { paths } = openApiDocument({ one }, { title: "T", version: "1", description: "D" }) as {
    paths: Record<string, Record<string, object>>;
  };
  expect(paths["/things/{id}"]?.["get"]).toMatchObject({
    operationId: "things.get",
    tags: ["things"],
    parameters: [
      { name: "id", in: "path", required: true, description: "Its id", schema: { type: "string" } },
      { name: "limit", in: "query", required: false, schema: { type: "integer", maximum: 5, default: 2 } },
      { name: "exact", in: "query", required: true, schema: { type: "boolean" } },
    ],
    responses: {
      200: { content: { "text/event-stream": { "x-events": [{ title: "tick", properties: { n: { type: "integer" } } }] } } },
      404: { description: "NOT_FOUND" },
    },
  });
  expect(paths["/things/{id}"]?.["get"]).not.toHaveProperty("security");
});
