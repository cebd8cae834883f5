import { endpoint } from "@whs/api";
import { notFound, unauthenticated } from "@whs/platform/errors";
import { connect } from "node:net";
import { once } from "node:events";
import { expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import type { OverloadOptions } from "./overload.ts";
import { type Presentation, tracePresentation } from "./presentation.ts";
import { startTestServer, type TestServer } from "./start-test-server.ts";

const wait = endpoint({
  name: "test.wait",
  method: "GET",
  path: "/wait",
  summary: "Answers when the test says so",
  access: { kind: "public" },
  answer: { kind: "json", status: 200, schema: z.object({ ok: z.boolean() }) },
  errors: [],
});
const health = endpoint({ ...wait, name: "test.health", path: "/healthz" });
const block = endpoint({ ...wait, name: "test.block", path: "/block" });

interface Started extends TestServer {
  /** Lets those that wait be answered. */
  release: () => void;
  waiting: () => number;
}

async function start(overload: Partial<OverloadOptions>, maxConnections?: number): Promise<Started> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let waiting = 0;
  const server = await startTestServer({
    endpoints: [wait, health, block],
    overload: {
      maxInFlight: 1_000,
      maxEventLoopDelayMs: 60_000,
      maxDatabaseQueue: 1_000,
      databaseQueue: () => 0,
      neverShed: ["/healthz"],
      ...overload,
    },
    ...(maxConnections === undefined ? {} : { maxConnections }),
    bind: (bind) => {
      bind(wait, async () => {
        waiting += 1;
        await promise;
        return { ok: true };
      });
      bind(health, async () => ({ ok: true }));
      bind(block, async () => {
        for (const until = performance.now() + 300; performance.now() < until;);
        return { ok: true };
      });
    },
  });
  return { ...server, release: resolve, waiting: () => waiting };
}

test("requests beyond those that may run at once get 503 and when to come back, and those that run are answered", async () => {
  const shed: string[] = [];
  const server = await start({ maxInFlight: 3, onShed: (reason) => void shed.push(reason) });
  const running = [server.send("GET", "/wait"), server.send("GET", "/wait"), server.send("GET", "/wait")];
  await vi.waitFor(() => expect(server.waiting()).toBe(3), { timeout: 60_000 });
  const refused = await server.send("GET", "/wait");
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(refused.headers.get("x-trace-id")).toBe(refused.body["traceId"]);
  expect(refused.body.error).toMatchObject({ code: "UNAVAILABLE", retryable: true });
  expect((await server.send("GET", "/healthz")).status).toBe(200);
  expect(shed).toEqual(["in_flight"]);
  server.release();
  expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200]);
  await vi.waitFor(async () => expect((await server.send("GET", "/wait")).status).toBe(200), { timeout: 60_000 });
  expect(server.logLines.filter((line) => line["msg"] === "Overloaded: new requests are refused")).toHaveLength(1);
});

test("a body that was sent to a server with too much to do does not break the answer", async () => {
  const server = await start({ maxInFlight: 0 });
  const { status } = await server.send("POST", "/wait", { body: "x".repeat(2_000_000), headers: { "content-type": "application/json" } });
  expect(status).toBe(503);
});

test("a long queue for the database refuses new requests until it is shorter", async () => {
  let queue = 11;
  const server = await start({ maxDatabaseQueue: 10, databaseQueue: () => queue });
  server.release();
  expect((await server.send("GET", "/wait")).status).toBe(503);
  queue = 10;
  expect((await server.send("GET", "/wait")).status).toBe(200);
});

test("an event loop that is late again and again refuses new requests, and lets them in when it has recovered", async () => {
  const server = await start({ maxEventLoopDelayMs: 100 });
  server.release();
  const statuses = new Set<number>();
  await vi.waitFor(
    async () => {
      for (const { status } of await Promise.all([
        server.send("GET", "/block"),
        server.send("GET", "/block"),
        server.send("GET", "/block"),
      ]))
        statuses.add(status);
      expect(statuses).toContain(503);
    },
    { timeout: 30_000, interval: 1 },
  );
  expect((await server.send("GET", "/healthz")).status).toBe(200);
  await vi.waitFor(async () => expect((await server.send("GET", "/wait")).status).toBe(200), { timeout: 30_000 });
});

test("connections beyond the bound are closed, and the others are served", async () => {
  const server = await start({}, 2);
  const sockets = [connect(server.port, "127.0.0.1"), connect(server.port, "127.0.0.1")];
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  const answered = sockets.map((socket) => once(socket, "data"));
  for (const socket of sockets) socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  for (const [data] of await Promise.all(answered)) expect(String(data)).toContain("200 OK");
  const third = connect(server.port, "127.0.0.1");
  third.on("error", () => undefined);
  await once(third, "close");
  sockets[0]?.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  expect(String((await once(sockets[0] as (typeof sockets)[number], "data"))[0])).toContain("200 OK");
});

test("an endpoint with a form of its own has it for every refusal, from overload to what its handler throws", async () => {
  const own = endpoint({
    ...wait,
    name: "test.own",
    method: "POST",
    path: "/own",
    body: { kind: "json", schema: z.strictObject({ n: z.number() }), maxBytes: 100 },
  });
  const presentation: Presentation = {
    ...tracePresentation,
    idField: null,
    failure: (error, id) => ({ status: error.status + 1, body: { said: error.code }, headers: { "x-own": id } }),
  };
  let overloaded = false;
  const server = await startTestServer({
    endpoints: [wait, own],
    overload: {
      maxInFlight: 1_000,
      maxEventLoopDelayMs: 60_000,
      maxDatabaseQueue: 0,
      databaseQueue: () => (overloaded ? 1 : 0),
      neverShed: [],
    },
    authenticate: async (_endpoint, { headers }) => {
      if (headers["x-stranger"] !== undefined) throw unauthenticated();
    },
    bind: (bind, bindAs) => {
      bind(wait, async () => ({ ok: true }));
      bindAs(presentation)(own, async (_context, { body }) => {
        if (body.n === 0) throw notFound("Nothing");
        return { ok: true };
      });
    },
  });
  const ask = async (json: unknown, headers: Record<string, string> = {}) => {
    const { status, body, headers: answered } = await server.send("POST", "/own", { json, headers });
    expect(answered.get("x-own")).toBe(status === 200 ? null : answered.get("x-trace-id"));
    return [status, body];
  };
  expect(await ask({ n: 1 })).toEqual([200, { ok: true }]);
  expect(await ask({ n: 0 })).toEqual([405, { said: "NOT_FOUND" }]);
  expect(await ask({ n: "1" })).toEqual([401, { said: "INVALID_REQUEST" }]);
  expect(await ask({ n: 1, long: "x".repeat(200) })).toEqual([414, { said: "INVALID_REQUEST" }]);
  expect(await ask({ n: 1 }, { "x-stranger": "1" })).toEqual([402, { said: "UNAUTHENTICATED" }]);
  overloaded = true;
  expect(await ask({ n: 1 })).toEqual([504, { said: "UNAVAILABLE" }]);
  expect((await server.send("GET", "/wait")).body).toMatchObject({ error: { code: "UNAVAILABLE" } });
});
