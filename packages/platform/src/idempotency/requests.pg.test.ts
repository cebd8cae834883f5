import { endpoint, type Endpoint } from "@whs/api";
import { migrate } from "@whs/platform/db";
import { conflict } from "@whs/platform/errors";
import { streamed } from "@whs/platform/http";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import { randomUUID } from "node:crypto";
import path from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type Answer, startTestServer, type TestServer } from "../http/start-test-server.ts";
import { type Context, openTestGuard, type TestGuard } from "./test-guard.ts";

const migrations = path.resolve(import.meta.dirname, "../../../../apps/control-plane/migrations");
let database: TestDatabase;
let shared: TestGuard;
beforeAll(async () => {
  database = await createTestDatabase({ migrations: [migrations], prepare: (url) => migrate(url, "whs", migrations) });
  shared = openTestGuard(database.url);
});
afterAll(async () => {
  await shared.close();
  await database.drop();
});

const common = { method: "POST", summary: "Create", access: { kind: "user", scope: null }, errors: [], idempotent: true } as const;
const create = endpoint({
  ...common,
  name: "things.create",
  path: "/v1/things/{group}",
  params: z.strictObject({ group: z.string() }),
  body: { kind: "json", schema: z.strictObject({ name: z.string(), note: z.string().optional() }) },
  answer: { kind: "json", status: 201, schema: z.object({ id: z.string(), name: z.string(), secret: z.string() }) },
});
const upload = endpoint({
  ...common,
  name: "uploads.create",
  path: "/v1/uploads",
  body: { kind: "stream", contentTypes: ["application/gzip"], maxBytes: 1000 },
  answer: { kind: "json", status: 201, schema: z.object({ id: z.string(), text: z.string() }) },
});
const follow = endpoint({ ...common, name: "things.follow", path: "/v1/follow", answer: { kind: "empty", status: 204 } });

async function start(): Promise<
  TestServer & { runs: () => number; create: (body: unknown, headers?: Record<string, string>, target?: string) => Promise<Answer> }
> {
  let runs = 0;
  const endpoints: Endpoint[] = [create, upload, follow];
  const server = await startTestServer<Context>({
    endpoints,
    authenticate: async (_endpoint, { headers }) => shared.contextOf(headers.authorization ?? "nobody"),
    idempotency: shared.guard,
    bind(bind) {
      bind(follow, async (_context, { http }) => {
        http.takeOver().writeHead(200).flushHeaders();
        return streamed;
      });
      bind(
        create,
        async (_context, { body }): Promise<{ id: string; name: string }> => {
          runs += 1;
          if (body.name === "taken") throw conflict("The name is taken.");
          return { id: randomUUID(), name: body.name };
        },
        { complete: (answer) => ({ ...answer, secret: `secret of ${answer.id}` }) },
      );
      bind(upload, async (_context, { stream }) => ({ id: `${(runs += 1)}`, text: await text(stream) }));
    },
  });
  const user = randomUUID();
  const send = (body: unknown, headers: Record<string, string> = {}, target = "/v1/things/a"): Promise<Answer> =>
    server.send("POST", target, { json: body, headers: { authorization: user, "idempotency-key": "key", ...headers } });
  return { ...server, runs: () => runs, create: send };
}
const withoutTrace = ({ body }: Answer): unknown => ({ ...body, traceId: undefined });

test("a repeated request gets the same status and body, its own trace id and a header that says so", async () => {
  const server = await start();
  const first = await server.create({ name: "x" });
  const second = await server.create({ name: "x" });
  expect([first.status, second.status]).toEqual([201, 201]);
  expect([first.headers.get("idempotency-replayed"), second.headers.get("idempotency-replayed")]).toEqual([null, "true"]);
  expect(withoutTrace(second)).toEqual(withoutTrace(first));
  expect(second.body["traceId"]).toBe(second.headers.get("x-trace-id"));
  expect(second.body["traceId"]).not.toBe(first.body["traceId"]);
  expect(server.runs()).toBe(1);
});

test("without a key every request does the work", async () => {
  const server = await start();
  await server.send("POST", "/v1/things/a", { json: { name: "x" } });
  await server.send("POST", "/v1/things/a", { json: { name: "x" } });
  expect(server.runs()).toBe(2);
});

test("fifty requests at once with one key create one thing", async () => {
  const server = await start();
  const answers = await Promise.all(Array.from({ length: 50 }, () => server.create({ name: "x" })));
  expect(new Set(answers.map((answer) => JSON.stringify(withoutTrace(answer)))).size).toBe(1);
  expect(answers.filter(({ headers }) => headers.get("idempotency-replayed") === null)).toHaveLength(1);
  expect(server.runs()).toBe(1);
});

test("another body is a conflict, whatever differs", async () => {
  const server = await start();
  await server.create({ name: "x" });
  for (const body of [{ name: "y" }, { name: "x", note: "z" }]) {
    const answer = await server.create(body);
    expect([answer.status, answer.body.error.code, answer.body.error.retryable]).toEqual([409, "CONFLICT", false]);
  }
  expect(server.runs()).toBe(1);
});

test("the key counts for the concrete path and the user", async () => {
  const server = await start();
  await server.create({ name: "x" });
  expect((await server.create({ name: "y" }, {}, "/v1/things/b")).status).toBe(201);
  expect((await server.create({ name: "y" }, { authorization: randomUUID() })).status).toBe(201);
  expect((await server.create({ name: "x" }, {}, "/v1/things/a?")).headers.get("idempotency-replayed")).toBe("true");
});

test("a request that fails its validation uses no key up", async () => {
  const server = await start();
  expect((await server.create({ nam: "x" })).status).toBe(400);
  expect((await server.create({ name: "x" })).headers.get("idempotency-replayed")).toBeNull();
});

test("a stored failure is answered again in its envelope", async () => {
  const server = await start();
  await server.create({ name: "taken" });
  const answer = await server.create({ name: "taken" });
  expect(answer.status).toBe(409);
  expect(answer.headers.get("idempotency-replayed")).toBe("true");
  expect(answer.body).toEqual({
    error: { code: "CONFLICT", message: "The name is taken.", details: {}, retryable: false },
    traceId: answer.headers.get("x-trace-id"),
  });
  expect(server.runs()).toBe(1);
});

test("what may not be stored is added to the first answer and to its replay", async () => {
  const server = await start();
  const first = await server.create({ name: "x" });
  const second = await server.create({ name: "x" });
  expect([first.body["secret"], second.body["secret"]]).toEqual([
    `secret of ${String(first.body["id"])}`,
    `secret of ${String(first.body["id"])}`,
  ]);
});

test.each(["", "x".repeat(201), "two words", "ümlaut", "tab\there"])("a key of another form is refused: %j", async (key) => {
  const server = await start();
  const received = await server.raw(
    Buffer.from(
      `POST /v1/things/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 12\r\nidempotency-key: ${key}\r\n\r\n{"name":"x"}`,
      "latin1",
    ),
  );
  expect(received).toMatch(/^HTTP\/1\.1 400 /);
  expect(received).toContain('"fieldName":"Idempotency-Key"');
  expect(server.runs()).toBe(0);
});

test("a key may have 200 visible characters", async () => {
  const server = await start();
  expect((await server.create({ name: "x" }, { "idempotency-key": "~".repeat(200) })).status).toBe(201);
});

test("bytes that stream are compared by their content, not by what is said of them", async () => {
  const server = await start();
  const bytes = (content: string): ReadableStream<Uint8Array> => new Blob([content]).stream();
  const send = (body: string | ReadableStream<Uint8Array>): Promise<Answer> =>
    server.send("POST", "/v1/uploads", { body, headers: { "content-type": "application/gzip", "idempotency-key": server.url } });
  const first = await send("content");
  expect(first.body["text"]).toBe("content");
  const chunked = await send(bytes("content"));
  expect([withoutTrace(chunked), chunked.headers.get("idempotency-replayed")]).toEqual([withoutTrace(first), "true"]);
  for (const other of ["another", bytes("another"), "", "content!"]) expect((await send(other)).body.error.code).toBe("CONFLICT");
  expect((await send("x".repeat(1001))).status).toBe(413);
  expect((await send(bytes("x".repeat(1001)))).status).toBe(413);
  expect(server.runs()).toBe(1);
});

test("an answer that its handler writes itself cannot be stored: it breaks off and the log says why", async () => {
  const server = await start();
  await expect(server.send("POST", "/v1/follow", { headers: { "idempotency-key": server.url } })).rejects.toThrow("terminated");
  await expect
    .poll(() => server.logLines)
    .toMatchObject([{ level: "error", err: { message: "things.follow cannot both stream its answer and store it" } }]);
});
