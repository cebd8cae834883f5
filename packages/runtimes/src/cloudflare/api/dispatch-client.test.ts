import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type InvokeInput, ProviderError } from "../../port.ts";
import { DispatchClient } from "./dispatch-client.ts";

let server: Server;
let answer: { status: number; body: string };
let seen: { method: string; url: string; signature: string; body: string }[];
let client: DispatchClient;
let findUrl: () => Promise<string>;
beforeEach(async () => {
  answer = { status: 200, body: '{"build":"b"}' };
  seen = [];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      seen.push({ method, url, signature: String(headers["x-whs-delegation-signature"]), body });
      response.writeHead(answer.status, { "x-whs-figures": "3;1;5;0;0" }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  findUrl = async () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new DispatchClient({
    findUrl: () => findUrl(),
    sign: ({ source, method, path, body }) => `signed ${source} ${method} ${path} ${body}`,
  });
});
afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  server.close();
});

const input = (over: Partial<InvokeInput> = {}): InvokeInput => ({
  userId: "usr_1",
  agentId: "agt_1",
  deploymentId: "dep_1",
  eventId: "evt_1",
  traceId: "trc_1",
  messages: [{ role: "user", content: "hello" }],
  options: {},
  signal: new AbortController().signal,
  timeoutMs: 5000,
  ...over,
});

async function failure(promise: Promise<unknown>): Promise<ProviderError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ProviderError) return error;
  throw new Error(`It was expected to fail with a ProviderError, not ${String(error)}.`);
}

describe("a request to the dispatch Worker", () => {
  test("is signed over exactly what is sent", async () => {
    answer.body = '{"text":"hi"}';
    const { output, usage } = await client.invoke(input({ providerSessionId: "ses/1", traceId: "t&1" }));
    expect({ text: output.text, usage }).toEqual({
      text: "hi",
      usage: { tokens: 3, tokensEstimated: true, computeMs: 5, toolCalls: 0 },
    });
    const path = "/invoke/usr_1/agt_1/dep_1/evt_1/t%261/5/5000/ses%2F1";
    const body = '{"messages":[{"role":"user","content":"hello"}],"options":{}}';
    expect(seen).toEqual([{ method: "POST", url: path, body, signature: `signed gateway POST ${path} ${body}` }]);
  });

  test.each([
    [401, '{"kind":"auth","message":"no","retryable":false,"reached":false}', { kind: "auth", retryable: false }],
    [500, "<html>Worker threw exception</html>", { kind: "transient", retryable: true }],
  ])("that is answered with %i fails as what it is", async (status, body, expected) => {
    answer = { status, body };
    expect(await failure(client.health())).toMatchObject({ ...expected, reached: false });
  });

  test("to an invocation's end with a page of Cloudflare's own may have run the agent, and is worth a retry", async () => {
    answer = { status: 520, body: "<html>Web server is returning an unknown error</html>" };
    const error = await failure(client.invoke(input()));
    expect(error).toMatchObject({ kind: "runtime", retryable: true, reached: true });
    expect(error.message).not.toContain("html");
  });

  test("that somebody else answers, as a sign-in page would, is transient", async () => {
    answer.body = "<html>Sign in</html>";
    expect(await failure(client.health())).toMatchObject({ kind: "transient", reached: false });
    expect(await failure(client.findDeployment("agt_1", "dep_1"))).toMatchObject({ kind: "transient", reached: false });
  });

  test("that nobody takes did nothing", async () => {
    const url = await findUrl();
    findUrl = async () => url;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await failure(client.invoke(input()))).toMatchObject({ kind: "transient", reached: false, retryable: true });
    expect(await failure(client.health())).toMatchObject({ kind: "transient", reached: false });
  });

  test("finds the address again after it could not be found", async () => {
    const found = findUrl;
    findUrl = () => Promise.reject(new ProviderError("transient", "no address", { reached: false }));
    expect((await failure(client.health())).message).toBe("no address");
    findUrl = found;
    expect(await client.health()).toEqual({ build: "b" });
  });

  test("for a session that is gone is done", async () => {
    answer = { status: 204, body: "" };
    await client.destroySession("script", "ses/1");
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(["DELETE /sessions/script/ses%2F1"]);
  });
});
