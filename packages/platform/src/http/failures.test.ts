import { endpoint } from "@whs/api";
import { AppError, conflict, limitExceeded, unauthenticated } from "@whs/platform/errors";
import { expect, test } from "vitest";
import { z } from "zod";
import { type Answer, startTestServer, type TestServer } from "./start-test-server.ts";

const create = endpoint({
  name: "things.create",
  method: "POST",
  path: "/v1/things",
  summary: "Create a thing",
  access: { kind: "user", scope: null },
  body: { kind: "json", schema: z.strictObject({ name: z.string() }), maxBytes: 1000 },
  answer: { kind: "json", status: 201, schema: z.object({ name: z.string() }) },
  errors: [],
});
const get = endpoint({
  name: "things.get",
  method: "GET",
  path: "/v1/things/{id}",
  summary: "Get a thing",
  access: { kind: "user", scope: null },
  params: z.strictObject({ id: z.string().max(256) }),
  answer: { kind: "json", status: 200, schema: z.object({ id: z.string() }) },
  errors: [],
});
const report = endpoint({
  name: "things.report",
  method: "POST",
  path: "/v1/report",
  summary: "Report, signed",
  access: { kind: "signature", headers: ["X-Signature"] },
  body: { kind: "raw", contentTypes: ["application/json"], maxBytes: 1000, schema: z.string() },
  answer: { kind: "json", status: 202, schema: z.object({ bytes: z.int() }) },
  errors: [],
});
const endpoints = [create, get, report];

/** `fail` is thrown by GET /v1/things/{id}. */
function start(fail?: unknown): Promise<TestServer> {
  return startTestServer({
    endpoints,
    authenticate: async (_endpoint, request) => {
      if (request.headers.authorization === "Bearer bad") throw unauthenticated();
    },
    bind(bind) {
      bind(create, async (_context, { body }) => body);
      bind(get, (_context, { params }) => (fail === undefined ? Promise.resolve(params) : Promise.reject(fail)));
      bind(report, async (_context, { rawBody, http }) => {
        if (http.request.headers["x-signature"] !== "right") throw unauthenticated();
        return { bytes: rawBody.length };
      });
    },
  });
}

function expectEnvelope(answer: Answer, status: number, code: string): void {
  expect(answer.status).toBe(status);
  expect(answer.body).toEqual({
    error: { code, message: expect.stringMatching(/^\S.*\.$/s), details: expect.any(Object), retryable: expect.any(Boolean) },
    traceId: expect.stringMatching(/^[A-Za-z0-9_.:-]{8,128}$/),
  });
  expect(answer.headers.get("x-trace-id")).toBe(answer.body["traceId"]);
  expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
}

/** What the error says of the fields, as `name: message`. */
function fields(answer: Answer): string[] {
  const list = answer.body.error.details["fields"] as { fieldName: string; message: string }[];
  return list.map(({ fieldName, message }) => `${fieldName}: ${message}`);
}

test.each(["/", "/v1", "/v1/thing", "/v1/things/", "/v1/things/a/b", "/V1/things", "/favicon.ico"])(
  "an unknown route is not found: %s",
  async (path) => {
    const server = await start();
    const answer = await server.send("GET", path);
    expectEnvelope(answer, 404, "NOT_FOUND");
  },
);

test.each([
  ["GET", "/v1/things", "POST"],
  ["PUT", "/v1/things?x=1", "POST"],
  ["DELETE", "/v1/things/thg_1", "GET, HEAD"],
  ["OPTIONS", "/v1/things/thg_1", "GET, HEAD"],
  ["POST", "/v1/things/thg_1", "GET, HEAD"],
])("a known path with another method names those that it takes: %s %s", async (method, path, allow) => {
  const server = await start();
  const answer = await server.send(method, path);
  expectEnvelope(answer, 405, "INVALID_REQUEST");
  expect(answer.headers.get("allow")).toBe(allow);
});

test("a method that nobody has heard of is refused like any other", async () => {
  const server = await start();
  const received = await server.raw("PROPFIND /v1/things HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  expect(received).toMatch(/^HTTP\/1\.1 40[45] /);
  expect(received).toContain('"traceId":"trc_');
});

test.each([
  ['{"name":', "body is not valid JSON"],
  ["{'name': 1}", "body is not valid JSON"],
  ['{"name":"a"} trailing', "body is not valid JSON"],
  ["\u0000", "body is not valid JSON"],
])("malformed JSON is refused: %j", async (body, message) => {
  const server = await start();
  const answer = await server.send("POST", "/v1/things", { body, headers: { "content-type": "application/json" } });
  expectEnvelope(answer, 400, "INVALID_REQUEST");
  expect(fields(answer)).toEqual([`: ${message}`]);
  expect(answer.body.error.message).toBe("The request body is not valid JSON.");
});

test("bytes that are not UTF-8 are refused, and do not spoil the next request", async () => {
  const server = await start();
  const body = new Uint8Array([0x7b, 0x22, 0x6e, 0x61, 0x6d, 0x65, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]);
  const answer = await server.send("POST", "/v1/things", { body, headers: { "content-type": "application/json" } });
  expectEnvelope(answer, 400, "INVALID_REQUEST");
  expect(fields(answer)).toEqual([": body is not UTF-8"]);
  expect((await server.send("POST", "/v1/things", { json: { name: "ä" } })).body["name"]).toBe("ä");
});

test.each([undefined, ""])("an empty body names what is missing: %j", async (body) => {
  const server = await start();
  const answer = await server.send("POST", "/v1/things", {
    ...(body === undefined ? {} : { body }),
    headers: { "content-type": "application/json" },
  });
  expectEnvelope(answer, 400, "INVALID_REQUEST");
  expect(fields(answer)).toEqual(["name: is required"]);
});

test.each(["text/plain", "application/x-www-form-urlencoded", "application/gzip", "nonsense", "application/json-patch+json", ""])(
  "another content type is refused: %j",
  async (type) => {
    const server = await start();
    const answer = await server.send("POST", "/v1/things", {
      body: new TextEncoder().encode('{"name":"a"}'),
      headers: type === "" ? {} : { "content-type": type },
    });
    expectEnvelope(answer, 400, "INVALID_REQUEST");
    expect(fields(answer)).toEqual(["content-type: is not one that this endpoint takes"]);
  },
);

test("a content type may have parameters and capitals", async () => {
  const server = await start();
  const answer = await server.send("POST", "/v1/things", {
    body: '{"name":"a"}',
    headers: { "content-type": "Application/JSON; charset=UTF-8" },
  });
  expect(answer.status).toBe(201);
});

test.each(["/v1/things", "/v1/report"])(
  "a body over its limit is refused by its declared length before anyone looks at the credential: %s",
  async (path) => {
    const server = await start();
    const headers = { "content-type": "application/json", authorization: "Bearer bad", "x-signature": "wrong" };
    const answer = await server.send("POST", path, { body: "x".repeat(1001), headers });
    expectEnvelope(answer, 413, "INVALID_REQUEST");
    expect(fields(answer)).toEqual([": body is larger than 1000 bytes"]);
  },
);

test("a body without a declared length is refused as soon as it is too large, before its signature is checked", async () => {
  const server = await start();
  const chunks = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let index = 0; index < 3; index++) controller.enqueue(new Uint8Array(500).fill(120));
      controller.close();
    },
  });
  const answer = await server.send("POST", "/v1/report", {
    body: chunks,
    headers: { "content-type": "application/json", "x-signature": "wrong" },
  });
  expectEnvelope(answer, 413, "INVALID_REQUEST");
});

test("a caller who sends far more than allowed still reads the refusal, and the connection serves the next request", async () => {
  const server = await start();
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  const tooLarge = `POST /v1/things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(64)}0\r\n\r\n`;
  const received = await server.raw(`${tooLarge}GET /v1/things/thg_1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
  expect(received).toMatch(/^HTTP\/1\.1 413 /);
  expect(received).toContain('{"id":"thg_1",');
});

test("a body of exactly the limit is taken", async () => {
  const server = await start();
  const body = JSON.stringify({ name: "x".repeat(1000 - '{"name":""}'.length) });
  expect((await server.send("POST", "/v1/things", { body, headers: { "content-type": "application/json" } })).status).toBe(201);
});

test.each(["/v1/things/%", "/v1/things/%zz", "/v1/things/%ff", "/v1/things/%E0%A4%A"])(
  "bad percent-encoding is refused: %s",
  async (path) => {
    const server = await start();
    const answer = await server.send("GET", path, { headers: { "x-trace-id": "my-trace-id" } });
    expectEnvelope(answer, 400, "INVALID_REQUEST");
    expect(answer.body["traceId"]).toBe("my-trace-id");
  },
);

test("a path parameter that is too long is refused by its name, however long it is", async () => {
  const server = await start();
  for (const length of [257, 600, 12_000]) {
    const answer = await server.send("GET", `/v1/things/${"x".repeat(length)}`);
    expectEnvelope(answer, 400, "INVALID_REQUEST");
    expect(fields(answer)).toEqual(["id: must have at most 256 characters"]);
  }
  expect((await server.send("GET", `/v1/things/${"x".repeat(256)}`)).status).toBe(200);
});

test.each([
  ["headers that are too large", `GET / HTTP/1.1\r\nhost: x\r\nx-large: ${"x".repeat(20_000)}\r\n\r\n`, 431],
  ["a path that is too large", `GET /${"x".repeat(200_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431],
  ["broken syntax", "this is not HTTP\r\n\r\n", 400],
  ["a TLS handshake", Uint8Array.of(0x16, 0x03, 0x01, 0x00, 0xf8, 0x01, 0x00, 0x00, 0xf4, 0x03, 0x03), 400],
  ["two lengths", "POST /v1/things HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na", 400],
  ["a length and chunks", "POST /v1/things HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400],
  ["an expectation that nobody meets", "GET /v1/things/a HTTP/1.1\r\nhost: x\r\nexpect: banana\r\n\r\n", 417],
  ["a tunnel", "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n", 400],
])("%s are answered with the envelope", async (_what, bytes, status) => {
  const server = await start();
  const received = await server.raw(bytes);
  const [head = "", body = ""] = received.split("\r\n\r\n");
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  const { error, traceId } = JSON.parse(body) as Answer["body"];
  expect(error).toEqual({ code: "INVALID_REQUEST", message: expect.any(String), details: { fields: [] }, retryable: false });
  expect(head).toContain(`x-trace-id: ${String(traceId)}`);
});

test("a request without a host is refused by name, and one of HTTP/1.0 needs none", async () => {
  const server = await start();
  const received = await server.raw("GET /v1/things/thg_1 HTTP/1.1\r\nconnection: close\r\n\r\n");
  const [head = "", body = ""] = received.split("\r\n\r\n");
  expect(head).toMatch(/^HTTP\/1\.1 400 /);
  expect(JSON.parse(body)).toMatchObject({ error: { code: "INVALID_REQUEST", details: { fields: [{ fieldName: "Host" }] } } });
  expect(await server.raw("GET /v1/things/thg_1 HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 /);
});

test("an error that nobody foresaw is answered without its words and logged with them", async () => {
  const server = await start(new TypeError("cannot read the private thing"));
  const answer = await server.send("GET", "/v1/things/thg_1");
  expectEnvelope(answer, 500, "INTERNAL");
  expect(answer.text).not.toMatch(/private thing|TypeError|\.ts/);
  const line = server.logLines.find(({ level }) => level === "error");
  expect(line).toMatchObject({
    traceId: answer.body["traceId"],
    method: "GET",
    route: "/v1/things/:id",
    err: { message: "cannot read the private thing", stack: expect.stringContaining("failures.test.ts") },
  });
});

test.each([
  "a string",
  null,
  undefined,
  5,
  { statusCode: 404, message: "secret" },
  Object.assign(new Error("secret"), { statusCode: 403 }),
])("whatever is thrown is a fault of ours unless it says otherwise in our own words: %j", async (thrown) => {
  const server = await startTestServer({ endpoints, bind: (bind) => bind(get, () => Promise.reject(thrown)) });
  const answer = await server.send("GET", "/v1/things/thg_1");
  expectEnvelope(answer, 500, "INTERNAL");
  expect(answer.text).not.toContain("secret");
});

test("an answer that does not fit its own description is a fault of ours", async () => {
  const server = await startTestServer({ endpoints, bind: (bind) => bind(get, async () => ({ id: 5 }) as unknown as { id: string }) });
  expectEnvelope(await server.send("GET", "/v1/things/thg_1"), 500, "INTERNAL");
});

test.each([
  [new AppError("RATE_LIMITED", "Too many.", { retryAfterSeconds: 2.1 }), 429, "3", true],
  [new AppError("UNAVAILABLE", "Busy."), 503, "1", true],
  [new AppError("UNAVAILABLE", "Busy.", { retryAfterSeconds: 0 }), 503, "1", true],
  [conflict("Taken."), 409, null, false],
  [conflict("Running.", { retryable: true, retryAfterSeconds: 1 }), 409, "1", true],
  [new AppError("RUNTIME_ERROR", "Timed out.", { status: 504, retryable: true }), 504, null, true],
  [
    limitExceeded({ limitType: "requests", periodKey: "2026-11", current: 5, limit: 5, suggestedAction: "Wait." }, "No more."),
    402,
    null,
    false,
  ],
])("%s keeps its status, its words and when to come back", async (error, status, retryAfter, retryable) => {
  const server = await start(error);
  const answer = await server.send("GET", "/v1/things/thg_1");
  expectEnvelope(answer, status, error.code);
  expect(answer.body.error).toEqual({ code: error.code, message: error.message, details: error.details, retryable });
  expect(answer.headers.get("retry-after")).toBe(retryAfter);
});

test("only faults of ours are errors in the log", async () => {
  const levels = async (error: unknown): Promise<unknown[]> => {
    const server = await start(error);
    await server.send("GET", "/v1/things/thg_1");
    return server.logLines.map(({ level }) => level);
  };
  expect(await levels(conflict("Taken."))).toEqual(["debug"]);
  expect(await levels(new AppError("UNAVAILABLE", "Busy."))).toEqual(["warn"]);
  expect(await levels(new Error("bug"))).toEqual(["error"]);
});

test("text that the database refuses is the caller's mistake", async () => {
  const server = await start(Object.assign(new Error("invalid byte sequence"), { code: "22021" }));
  const answer = await server.send("GET", "/v1/things/thg_1");
  expectEnvelope(answer, 400, "INVALID_REQUEST");
  expect(answer.text).not.toContain("byte sequence");
});
