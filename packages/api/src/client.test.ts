import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { ApiError, WhsClient } from "./client.ts";
import * as endpoints from "./endpoints/index.ts";

const { whsEndpoints } = endpoints;

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Seen {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A server that answers everything alike and remembers what it was asked. */
async function start(answer: { status?: number; headers?: Record<string, string>; body?: string } = {}) {
  const seen: Seen[] = [];
  const baseUrl = await serve((request, response) => {
    void text(request).then((body) => {
      seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      response
        .writeHead(answer.status ?? 200, { "content-type": "application/json", ...answer.headers })
        .end(answer.body ?? '{"traceId":"trc_1"}');
    });
  });
  return { baseUrl, client: new WhsClient({ baseUrl: `${baseUrl}//`, token: "whs_token" }), seen };
}

async function failureOf(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ApiError) return error;
  throw new Error("expected an ApiError", { cause: error });
}

test("parameters go where the endpoint says, encoded, and the body's fields into JSON", async () => {
  const { client, seen } = await start();
  await client.call(whsEndpoints.listDeploymentLogs, { id: "dep/1 ü?#%", limit: 5, cursor: "a b&c=d", follow: "false" });
  await client.call(whsEndpoints.createAgent, {
    body: { name: "ünï", runtimeProvider: "cloudflare" },
    idempotencyKey: "key-1",
    traceId: "my-trace",
  });
  await client.call(whsEndpoints.listAgents, {});
  expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "GET /v1/deployments/dep%2F1%20%C3%BC%3F%23%25/logs?limit=5&cursor=a+b%26c%3Dd&follow=false",
    "POST /v1/agents",
    "GET /v1/agents",
  ]);
  expect(seen[1]).toMatchObject({
    body: '{"name":"ünï","runtimeProvider":"cloudflare"}',
    headers: {
      authorization: "Bearer whs_token",
      "content-type": "application/json",
      "idempotency-key": "key-1",
      "x-trace-id": "my-trace",
    },
  });
  expect(seen[2]?.headers).not.toHaveProperty("content-type");
});

test("a path parameter may be called like an option", async () => {
  const { client, seen } = await start();
  await client.call(whsEndpoints.getTrace, { traceId: "my-trace" });
  expect(seen[0]).toMatchObject({ url: "/v1/traces/my-trace" });
  expect(seen[0]?.headers).not.toHaveProperty("x-trace-id");
});

test.each(["", ".", "..", undefined as unknown as string])("a path parameter that would mean another path is not sent: %j", async (key) => {
  const { client, seen } = await start();
  const error = await failureOf(client.call(whsEndpoints.deleteSecret, { id: "agt_1", key }));
  expect(error).toMatchObject({ status: 0, code: "INVALID_REQUEST", message: "key: is not possible in a path." });
  expect(seen).toEqual([]);
});

test("bytes are sent as they are, with their type and digest", async () => {
  const { client, seen } = await start({ status: 201 });
  const bytes = { contentType: "application/gzip", digest: "sha-256=:x:" };
  await client.call(whsEndpoints.createUpload, { bytes: { ...bytes, data: new TextEncoder().encode("one") } });
  await client.call(whsEndpoints.createUpload, { bytes: { ...bytes, data: new Blob(["two"]).stream() } });
  expect(seen.map(({ body }) => body)).toEqual(["one", "two"]);
  for (const { headers } of seen) expect(headers).toMatchObject({ "content-type": "application/gzip", "content-digest": "sha-256=:x:" });
});

test("the token is asked for before every request, and there may be none", async () => {
  const { baseUrl, seen } = await start();
  let count = 0;
  const client = new WhsClient({ baseUrl, token: async () => ` token-${(count += 1)}\n` });
  await client.call(whsEndpoints.getMe, {});
  await client.call(whsEndpoints.getMe, {});
  await new WhsClient({ baseUrl }).call(whsEndpoints.getMe, {});
  expect(seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer token-1", "Bearer token-2", undefined]);
});

test.each(["two\nlines-s3cret", "ümlaut-s3cret", ""])("a token that no header takes is refused without being shown: %j", async (token) => {
  const { baseUrl, seen } = await start();
  const error = await failureOf(new WhsClient({ baseUrl, token }).call(whsEndpoints.getMe, {}));
  expect(error.code).toBe("UNAUTHENTICATED");
  expect(`${error.stack} ${String(error.cause)}`).not.toContain("s3cret");
  expect(seen).toEqual([]);
});

test("an answer comes with its headers, and an empty one is undefined", async () => {
  const { client } = await start({ headers: { "x-extra": "1" }, body: '{"user":{"id":"usr_1"},"traceId":"trc_1"}' });
  const { answer, headers } = await client.exchange(whsEndpoints.getMe, {});
  expect(answer).toEqual({ user: { id: "usr_1" }, traceId: "trc_1" });
  expect(headers.get("x-extra")).toBe("1");
  const empty = await start({ status: 204, headers: { "whs-redeploy-required": "true" } });
  const cleared = await empty.client.exchange(whsEndpoints.deleteSecret, { id: "agt_1", key: "KEY" });
  expect([cleared.answer, cleared.headers.get("whs-redeploy-required")]).toEqual([undefined, "true"]);
});

test("a failure carries everything that the envelope says", async () => {
  const error = { code: "RATE_LIMITED", message: "Too many.", details: { limit: 5 }, retryable: true };
  const { client } = await start({ status: 429, headers: { "retry-after": "7" }, body: JSON.stringify({ error, traceId: "trc_9" }) });
  expect(await failureOf(client.call(whsEndpoints.getMe, {}))).toMatchObject({
    ...error,
    status: 429,
    traceId: "trc_9",
    retryAfterSeconds: 7,
  });
});

test.each([
  [502, "<html>Bad Gateway</html>"],
  [404, '{"message":"no envelope"}'],
  [500, ""],
  [200, "<html>A captive portal</html>"],
])("an answer of something else is told apart: %i %s", async (status, body) => {
  const { client } = await start({ status, body, headers: { "x-trace-id": "trc_7" } });
  const error = await failureOf(client.call(whsEndpoints.getMe, {}));
  expect(error).toMatchObject({ status, code: "INTERNAL", message: `The answer is not of this API (HTTP ${status})`, traceId: "trc_7" });
});

test("a server that cannot be reached is UNREACHABLE, and worth another try", async () => {
  const error = await failureOf(new WhsClient({ baseUrl: "http://127.0.0.1:1" }).call(whsEndpoints.getMe, {}));
  expect(error).toMatchObject({ status: 0, code: "UNREACHABLE", retryable: true, message: "Cannot reach http://127.0.0.1:1" });
  expect(error.cause).toBeInstanceOf(TypeError);
});

test.each([200, 500])("an answer that breaks off is UNREACHABLE: %i", async (status) => {
  const baseUrl = await serve((_request, response) => {
    response.writeHead(status, { "content-length": "100", "x-trace-id": "trc_5" }).write('{"user":', () => response.destroy());
  });
  const error = await failureOf(new WhsClient({ baseUrl }).call(whsEndpoints.getMe, {}));
  expect(error).toMatchObject({ code: "UNREACHABLE", retryable: true, traceId: "trc_5" });
});

test("a call that its caller aborts ends with the caller's reason", async () => {
  const baseUrl = await serve(() => undefined);
  const controller = new AbortController();
  const call = new WhsClient({ baseUrl }).call(whsEndpoints.getMe, { signal: controller.signal });
  const reason = new Error("enough");
  controller.abort(reason);
  await expect(call).rejects.toBe(reason);
});

function invokeStream(client: WhsClient, signal?: AbortSignal) {
  return client.stream(whsEndpoints.invokeAgentStream, {
    agentId: "agt_1",
    body: { input: { prompt: "hi" } },
    ...(signal ? { signal } : {}),
  });
}

test("a stream yields its events with parsed data", async () => {
  const body = 'id: 1\nevent: delta\ndata: {"text":"a"}\n\n: heartbeat\n\nid: 2\nevent: done\ndata: {}\n\n';
  const { client, seen } = await start({ headers: { "content-type": "text/event-stream" }, body });
  expect(await Array.fromAsync(invokeStream(client))).toEqual([
    { event: "delta", id: "1", data: { text: "a" } },
    { event: "done", id: "2", data: {} },
  ]);
  expect(seen[0]?.headers.accept).toContain("text/event-stream");
});

test("a stream that is refused fails like a call", async () => {
  const error = { code: "LIMIT_EXCEEDED", message: "No more.", details: {}, retryable: false };
  const { client } = await start({ status: 402, body: JSON.stringify({ error, traceId: "trc_1" }) });
  expect(await failureOf(Array.fromAsync(invokeStream(client)))).toMatchObject(error);
});

test("a stream that breaks off yields what came and then fails", async () => {
  const baseUrl = await serve((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", "x-trace-id": "trc_3" });
    response.write('event: delta\ndata: {"text":"a"}\n\n', () => response.destroy());
  });
  const events = invokeStream(new WhsClient({ baseUrl }));
  expect(await events.next()).toMatchObject({ value: { event: "delta" } });
  expect(await failureOf(events.next())).toMatchObject({ code: "UNREACHABLE", message: "The stream broke off", traceId: "trc_3" });
});

test("who stops reading a stream closes its connection", async () => {
  const closed = Promise.withResolvers<void>();
  const baseUrl = await serve((_request, response) => {
    response.on("close", closed.resolve);
    response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
  });
  for await (const event of invokeStream(new WhsClient({ baseUrl }))) {
    expect(event.data).toBe(1);
    break;
  }
  await closed.promise;
});
