import { endpoint } from "@whs/api";
import { invalidRequest } from "@whs/platform/errors";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { z } from "zod";
import { type Bind, type HandlerInput, streamed } from "./index.ts";
import { startTestServer, type TestServer } from "./start-test-server.ts";

const access = { kind: "user", scope: null } as const;
const itemSchema = z.object({ id: z.string(), inner: z.object({ a: z.int() }) });
const get = endpoint({
  name: "things.get",
  method: "GET",
  path: "/v1/things/{id}",
  summary: "Get a thing",
  access,
  params: z.strictObject({ id: z.string() }),
  query: z.strictObject({ limit: z.coerce.number("must be a number").int().min(1).default(25) }),
  answer: { kind: "json", status: 200, schema: z.object({ id: z.string(), limit: z.number(), items: z.array(itemSchema) }) },
  errors: [],
});
const remove = endpoint({
  name: "things.delete",
  method: "DELETE",
  path: "/v1/things/{id}",
  summary: "Delete a thing",
  access,
  params: z.strictObject({ id: z.string() }),
  answer: { kind: "empty", status: 204, headers: ["Whs-Redeploy-Required"] },
  errors: [],
});
const upload = endpoint({
  name: "things.upload",
  method: "POST",
  path: "/v1/uploads",
  summary: "Upload",
  access,
  body: { kind: "stream", contentTypes: ["application/gzip"], maxBytes: 100_000 },
  answer: { kind: "json", status: 201, schema: z.object({ text: z.string() }) },
  errors: [],
});
const report = endpoint({
  name: "things.report",
  method: "POST",
  path: "/v1/report",
  summary: "Report",
  access,
  body: { kind: "raw", contentTypes: ["application/json"], maxBytes: 1000, schema: z.string() },
  answer: { kind: "json", status: 202, schema: z.object({ hex: z.string() }) },
  errors: [],
});
const follow = endpoint({
  name: "things.follow",
  method: "GET",
  path: "/v1/follow",
  summary: "Follow",
  access,
  answer: { kind: "json", status: 200, schema: z.object({}) },
  alternative: { kind: "events", status: 200, events: {} },
  errors: [],
});
const listen = endpoint({
  name: "things.listen",
  method: "GET",
  path: "/v1/listen",
  summary: "Listen",
  access,
  answer: { kind: "events", status: 200, events: {} },
  errors: [],
});

function startGet(answer: (input: HandlerInput<typeof get>) => unknown, options = {}): Promise<TestServer> {
  return startTestServer({
    ...options,
    endpoints: [get],
    bind: (bind) => bind(get, async (_context, input) => answer(input) as { id: string; limit: number; items: [] }),
  });
}

test("a trace id that the caller sends is used, in the body, the header and the handler", async () => {
  let seen: unknown;
  const server = await startGet(({ http, params }) => {
    seen = http.request.traceId;
    return { ...params, limit: 1, items: [] };
  });
  for (const traceId of ["12345678", "a.b_c:D-9", "x".repeat(128)]) {
    const answer = await server.send("GET", "/v1/things/a", { headers: { "x-trace-id": traceId } });
    expect([answer.body["traceId"], answer.headers.get("x-trace-id"), seen]).toEqual([traceId, traceId, traceId]);
  }
});

test.each(["", "1234567", "x".repeat(129), "has space", "ümlaut-12", "<script>alert", "two-two-two, two-two-two"])(
  "a trace id of another form is replaced: %j",
  async (traceId) => {
    const server = await startGet(({ params }) => ({ ...params, limit: 1, items: [] }));
    const received = await server.raw(`GET /v1/things/a HTTP/1.1\r\nhost: x\r\nx-trace-id: ${traceId}\r\nconnection: close\r\n\r\n`);
    expect(received).toMatch(/x-trace-id: trc_[0-9a-z]{26}\r\n/);
  },
);

test("a handler can answer under a trace id that the body named", async () => {
  const server = await startGet(({ params, http }) => {
    http.useTraceId("from-the-body");
    if (params.id === "fail") throw invalidRequest([]);
    return { ...params, limit: 1, items: [] };
  });
  for (const id of ["ok", "fail"]) {
    const answer = await server.send("GET", `/v1/things/${id}`);
    expect([answer.body["traceId"], answer.headers.get("x-trace-id")]).toEqual(["from-the-body", "from-the-body"]);
  }
});

test("fields that the answer does not declare are left out, at every depth", async () => {
  const server = await startGet(() => ({ id: "a", limit: 1, passwordHash: "x", items: [{ id: "b", secret: "y", inner: { a: 1, b: 2 } }] }));
  const {
    text: body,
    body: { traceId },
  } = await server.send("GET", "/v1/things/a");
  expect(body).toBe(`{"id":"a","limit":1,"items":[{"id":"b","inner":{"a":1}}],"traceId":"${String(traceId)}"}`);
});

test("path and query arrive decoded and with their defaults", async () => {
  const server = await startGet(({ params, query }) => ({ ...params, ...query, items: [] }));
  const answer = await server.send("GET", `/v1/things/${encodeURIComponent("a/b ü?&%")}`);
  expect(answer.body).toMatchObject({ id: "a/b ü?&%", limit: 25 });
  expect((await server.send("GET", "/v1/things/a?limit=7")).body).toMatchObject({ limit: 7 });
});

test("HEAD answers like GET without the body", async () => {
  const server = await startGet(({ params }) => ({ ...params, limit: 1, items: [] }));
  const got = await server.send("GET", "/v1/things/a", { headers: { "x-trace-id": "12345678" } });
  const head = await server.send("HEAD", "/v1/things/a", { headers: { "x-trace-id": "12345678" } });
  expect([head.status, head.text, head.headers.get("x-trace-id")]).toEqual([200, "", "12345678"]);
  expect(head.headers.get("content-length")).toBe(String(Buffer.byteLength(got.text)));
  expect((await server.send("HEAD", "/v1/nothing")).status).toBe(404);
});

test("HEAD is no method of an endpoint that may stream for ever", async () => {
  const bind = (on: Bind<undefined>): void => {
    on(follow, async () => ({}));
    on(listen, async () => undefined);
  };
  const server = await startTestServer({ endpoints: [follow, listen], bind });
  for (const path of ["/v1/follow", "/v1/listen"]) {
    const answer = await server.send("HEAD", path);
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET"]);
  }
});

test("an empty answer is 204 with the headers that the handler set", async () => {
  const server = await startTestServer({
    endpoints: [remove],
    bind: (bind) => bind(remove, async (_context, { http }) => http.setHeader("Whs-Redeploy-Required", "true")),
  });
  const answer = await server.send("DELETE", "/v1/things/a");
  expect([answer.status, answer.text, answer.headers.get("whs-redeploy-required"), answer.headers.get("content-type")]).toEqual([
    204,
    "",
    "true",
    null,
  ]);
  expect(answer.headers.get("x-trace-id")).toMatch(/^trc_/);
});

test("an endpoint without a body takes none, or an empty object", async () => {
  const server = await startTestServer({ endpoints: [remove], bind: (bind) => bind(remove, async () => undefined) });
  expect((await server.send("DELETE", "/v1/things/a", { json: {} })).status).toBe(204);
  const answer = await server.send("DELETE", "/v1/things/a", { json: { force: true } });
  expect(answer.status).toBe(400);
  expect(answer.body.error.details).toEqual({ fields: [{ fieldName: "force", message: "is not a known field" }] });
  expect((await server.send("DELETE", "/v1/things/a?force=1")).body.error.message).toBe("force: is not a known query parameter.");
});

test("by default no origin may read an answer", async () => {
  const server = await startGet(({ params }) => ({ ...params, limit: 1, items: [] }));
  const answer = await server.send("GET", "/v1/things/a", { headers: { origin: "https://app.example" } });
  expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  const headers = { origin: "https://app.example", "access-control-request-method": "GET" };
  expect((await server.send("OPTIONS", "/v1/things/a", { headers })).status).toBe(405);
});

test("configured origins may read answers, failures included; others may not", async () => {
  const server = await startGet(({ params }) => ({ ...params, limit: 1, items: [] }), { corsOrigins: ["https://app.example"] });
  for (const path of ["/v1/things/a", "/v1/nothing", "/v1/things/a?limit=x"]) {
    const allowed = await server.send("GET", path, { headers: { origin: "https://app.example" } });
    expect([allowed.headers.get("access-control-allow-origin"), allowed.headers.get("vary")]).toEqual(["https://app.example", "Origin"]);
    expect(allowed.headers.get("access-control-expose-headers")).toContain("X-Trace-Id");
    expect(allowed.headers.get("access-control-allow-credentials")).toBeNull();
    for (const origin of ["https://app.example.evil.test", "https://evil.test", "null", "http://app.example"]) {
      const refused = await server.send("GET", path, { headers: { origin } });
      expect([refused.headers.get("access-control-allow-origin"), refused.headers.get("vary")]).toEqual([null, "Origin"]);
    }
  }
});

test("a configured origin's preflight is answered without a credential", async () => {
  const server = await startGet(() => ({}), {
    corsOrigins: ["https://app.example"],
    authenticate: () => Promise.reject(new Error("asked")),
  });
  const headers = {
    origin: "https://app.example",
    "access-control-request-method": "PATCH",
    "access-control-request-headers": "authorization",
  };
  const answer = await server.send("OPTIONS", "/v1/things/a", { headers });
  expect([answer.status, answer.text]).toEqual([204, ""]);
  expect(answer.headers.get("access-control-allow-methods")).toContain("PATCH");
  expect(answer.headers.get("access-control-allow-headers")).toContain("Authorization");
  // A client of an open protocol sends headers that nobody here has heard of.
  expect(answer.headers.get("access-control-allow-headers")?.split(", ")).toContain("*");
});

test("raw bytes arrive as they were sent, also when there are none", async () => {
  const server = await startTestServer({
    endpoints: [report],
    bind: (bind) => bind(report, async (_context, { rawBody }) => ({ hex: rawBody.toString("hex") })),
  });
  const headers = { "content-type": "application/json" };
  const bytes = Uint8Array.of(0x00, 0xff, 0x20, 0x7b);
  expect((await server.send("POST", "/v1/report", { body: bytes, headers })).body["hex"]).toBe("00ff207b");
  expect((await server.send("POST", "/v1/report", { headers })).body["hex"]).toBe("");
  expect((await server.send("POST", "/v1/report")).body["hex"]).toBe("");
});

function startUpload(handler: (input: HandlerInput<typeof upload>) => Promise<{ text: string }>): Promise<TestServer> {
  return startTestServer({ endpoints: [upload], bind: (bind) => bind(upload, (_context, input) => handler(input)) });
}
const gzip = { "content-type": "application/gzip" };
const chunked = (chunk: string, times: number): string => `${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(times);
const uploadHead = "POST /v1/uploads HTTP/1.1\r\nhost: x\r\ncontent-type: application/gzip\r\ntransfer-encoding: chunked\r\n\r\n";
const nextRequest = "GET /v1/next HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

test("a body that streams reaches the handler in pieces, before it is complete", async () => {
  const firstChunk = Promise.withResolvers<void>();
  const server = await startUpload(async ({ stream }) => {
    let received = "";
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      received += chunk.toString();
      firstChunk.resolve();
    }
    return { text: received };
  });
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode("one "));
      await firstChunk.promise;
      controller.enqueue(new TextEncoder().encode("two"));
      controller.close();
    },
  });
  expect((await server.send("POST", "/v1/uploads", { body, headers: gzip })).body["text"]).toBe("one two");
});

test("a stream beyond the limit is refused, and its connection serves the next request", async () => {
  const server = await startUpload(async ({ stream }) => ({ text: await text(stream) }));
  const received = await server.raw(`${uploadHead}${chunked("x".repeat(10_000), 100)}0\r\n\r\n${nextRequest}`);
  expect(received).toMatch(/^HTTP\/1\.1 413 [\s\S]*HTTP\/1\.1 404 /);
});

test("a handler that gives up on a stream can still answer, and its connection serves the next request", async () => {
  const server = await startUpload(async ({ stream }) => {
    stream.destroy();
    throw invalidRequest([{ fieldName: "", message: "body is no archive" }]);
  });
  const received = await server.raw(`${uploadHead}${chunked("x".repeat(5_000), 10)}0\r\n\r\n${nextRequest}`);
  expect(received).toMatch(/^HTTP\/1\.1 400 [\s\S]*body is no archive[\s\S]*HTTP\/1\.1 404 /);
});

test("a stream that breaks off fails in the handler", async () => {
  let failure: unknown;
  const server = await startUpload(async ({ stream }) => {
    try {
      return { text: await text(stream) };
    } catch (error) {
      failure = error;
      throw error;
    }
  });
  const socket = connect(server.port, "127.0.0.1");
  socket.write(uploadHead + chunked("abc", 1), () => socket.destroy());
  await expect.poll(() => failure).toMatchObject({ code: "ECONNRESET" });
  await expect.poll(() => server.logLines.map(({ level }) => level)).toEqual(["debug"]);
});

test("a handler that takes the answer over writes all of it, after the headers that are due", async () => {
  const server = await startTestServer({
    endpoints: [follow],
    corsOrigins: ["https://app.example"],
    bind: (bind) =>
      bind(follow, async (_context, { http }) => {
        http.setHeader("x-extra", "1");
        const response = http.takeOver();
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write("data: 1\n\n");
        response.end("data: 2\n\n");
        return streamed;
      }),
  });
  const answer = await server.send("GET", "/v1/follow", { headers: { origin: "https://app.example" } });
  expect(answer.text).toBe("data: 1\n\ndata: 2\n\n");
  for (const name of ["x-trace-id", "x-extra", "access-control-allow-origin", "cache-control"])
    expect(answer.headers.get(name)).not.toBeNull();
});

test("when a handler fails in the middle of its stream, the caller sees that it broke off, and the log why", async () => {
  const server = await startTestServer({
    endpoints: [follow],
    bind: (bind) =>
      bind(follow, async (_context, { http }) => {
        const response = http.takeOver();
        response.writeHead(200, { "content-type": "text/event-stream" });
        await new Promise((resolve) => response.write("data: 1\n\n", resolve));
        throw new Error("the source is gone");
      }),
  });
  await expect(server.send("GET", "/v1/follow")).rejects.toThrow("terminated");
  expect(server.logLines).toMatchObject([{ level: "error", msg: "An answer broke off", err: { message: "the source is gone" } }]);
});

test("garbage on a connection whose answer streams ends it without becoming part of the answer", async () => {
  const server = await startTestServer({
    endpoints: [follow],
    bind: (bind) =>
      bind(follow, async (_context, { http }) => {
        http.takeOver().writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
        await new Promise((resolve) => http.request.signal.addEventListener("abort", resolve));
        return streamed;
      }),
  });
  const socket = connect(server.port, "127.0.0.1");
  let received = "";
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString();
    if (received.includes("data: 1")) socket.write("garbage\r\n\r\n");
  });
  socket.write("GET /v1/follow HTTP/1.1\r\nhost: x\r\n\r\n");
  await closed;
  expect(received.match(/HTTP\/1\.1/g)).toHaveLength(1);
});

test("a request's signal fires when the caller leaves before the answer, and only then", async () => {
  const signals: AbortSignal[] = [];
  const server = await startGet(async ({ params, http }) => {
    const { signal } = http.request;
    signals.push(signal);
    if (params.id === "slow") await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return { ...params, limit: 1, items: [] };
  });
  await server.send("GET", "/v1/things/quick");
  const socket = connect(server.port, "127.0.0.1");
  socket.write("GET /v1/things/slow HTTP/1.1\r\nhost: x\r\n\r\n");
  await expect.poll(() => signals.length).toBe(2);
  socket.destroy();
  await expect.poll(() => signals[1]?.aborted).toBe(true);
  expect(signals[0]?.aborted).toBe(false);
});

test("a credential is checked before the body is read", async () => {
  const server = await startTestServer({
    endpoints: [report],
    authenticate: () => Promise.reject(invalidRequest([{ fieldName: "credential", message: "is bad" }])),
    bind: (bind) => bind(report, () => Promise.reject(new Error("reached"))),
  });
  // The body never arrives.
  const head = "POST /v1/report HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
  expect(await server.raw(head, (received) => received.includes("credential: is bad"))).toMatch(/^HTTP\/1\.1 400 /);
});

test("a trusted proxy's word on the caller's address counts, nobody else's", async () => {
  let address: string | undefined;
  const answer = ({ http }: HandlerInput<typeof get>) => {
    address = http.request.address;
    return { id: "a", limit: 1, items: [] };
  };
  const headers = { "x-forwarded-for": "203.0.113.9" };
  await (await startGet(answer)).send("GET", "/v1/things/a", { headers });
  expect(address).toBe("127.0.0.1");
  await (await startGet(answer, { trustedProxies: ["127.0.0.1"] })).send("GET", "/v1/things/a", { headers });
  expect(address).toBe("203.0.113.9");
});
