import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ProviderError } from "../../port.ts";
import { CloudflareAccount } from "./account.ts";

interface Answer {
  status: number;
  headers?: Record<string, string>;
  errors?: { code: number; message: string }[];
  result?: unknown;
}

let server: Server;
let seen: { method: string; url: string; authorization: string; body: FormData | string }[];
let answers: Answer[];
beforeEach(async () => {
  seen = [];
  answers = [];
  server = createServer((request, response) => {
    void read(request).then((body) => {
      seen.push({ method: request.method ?? "", url: request.url ?? "", authorization: request.headers.authorization ?? "", body });
      const { status, headers = {}, errors = [], result = null } = answers.shift() ?? { status: 200 };
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify({ success: status < 400, errors, messages: [], result }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function read(request: IncomingMessage): Promise<FormData | string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const type = request.headers["content-type"] ?? "";
  const bytes = new Uint8Array(Buffer.concat(chunks));
  return type.startsWith("multipart/")
    ? new Response(bytes, { headers: { "content-type": type } }).formData()
    : new TextDecoder().decode(bytes);
}

const account = (maxRetries?: number) =>
  new CloudflareAccount({
    accountId: "acc",
    apiToken: "token",
    namespace: "whs",
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/client/v4`,
    ...(maxRetries === undefined ? {} : { maxRetries }),
  });
const upload = { metadata: { main_module: "a.js" }, modules: [] };

async function failure(promise: Promise<unknown>): Promise<ProviderError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ProviderError) return error;
  throw new Error(`It was expected to fail with a ProviderError, not ${String(error)}.`);
}

describe("an upload", () => {
  test("carries metadata as JSON, and each module under its own whole name and type", async () => {
    await account().uploadAgentScript("script-1", {
      metadata: { main_module: "lib/a.js", bindings: [{ type: "secret_text", name: "K", text: "v" }] },
      modules: [
        { name: "lib/a.js", type: "application/javascript+module", content: "export default {}" },
        { name: "b.bin", type: "application/octet-stream", content: new Uint8Array([1, 0, 255]) },
      ],
    });
    expect(seen.map(({ method, url, authorization }) => ({ method, url, authorization }))).toEqual([
      { method: "PUT", url: "/client/v4/accounts/acc/workers/dispatch/namespaces/whs/scripts/script-1", authorization: "Bearer token" },
    ]);
    const form = seen[0]?.body as FormData;
    expect([...form.keys()]).toEqual(["metadata", "lib/a.js", "b.bin"]);
    const metadata = form.get("metadata") as File;
    expect(metadata.type).toBe("application/json");
    expect(JSON.parse(await metadata.text())).toEqual({
      main_module: "lib/a.js",
      bindings: [{ type: "secret_text", name: "K", text: "v" }],
    });
    const [script, data] = [form.get("lib/a.js") as File, form.get("b.bin") as File];
    expect([script.name, script.type, await script.text()]).toEqual(["lib/a.js", "application/javascript+module", "export default {}"]);
    expect([data.type, [...new Uint8Array(await data.arrayBuffer())]]).toEqual(["application/octet-stream", [1, 0, 255]]);
  });
});

describe("what fails", () => {
  test.each([429, 500, 503])("with %i is tried again, with the same upload", async (status) => {
    answers = [{ status, headers: { "retry-after-ms": "1" } }, { status, headers: { "retry-after-ms": "1" } }, { status: 200 }];
    await account().uploadAgentScript("s", upload);
    expect(seen).toHaveLength(3);
    for (const { body } of seen) expect(await ((body as FormData).get("metadata") as File).text()).toBe('{"main_module":"a.js"}');
  });

  test("for good with 429 is for lack of capacity, worth another try, and private in its words", async () => {
    answers = Array.from({ length: 2 }, () => ({
      status: 429,
      headers: { "retry-after-ms": "1" },
      errors: [{ code: 971, message: "internal words" }],
    }));
    const error = await failure(account(1).uploadAgentScript("s", upload));
    expect(error).toMatchObject({ kind: "capacity", retryable: true, reached: false });
    expect(error.message).not.toContain("internal words");
    expect(seen).toHaveLength(2);
  });

  test.each([
    [401, "auth", false],
    [403, "auth", false],
    [404, "not_found", false],
    [409, "transient", true],
    [500, "transient", true],
    [400, "invalid", false],
    [413, "invalid", false],
  ])("with %i is %s", async (status, kind, retryable) => {
    answers = [{ status, errors: [{ code: 1, message: "internal words" }] }];
    const error = await failure(account(0).uploadAgentScript("s", upload));
    expect(error).toMatchObject({ kind, retryable, reached: false });
    expect(error.message).not.toContain("internal words");
  });

  test("because a module cannot start says the author's error and its place", async () => {
    answers = [
      { status: 400, errors: [{ code: 10021, message: "Uncaught TypeError: top level\n  at agent.js:2:7\n  at whs-shim.js:1:1" }] },
    ];
    expect(await failure(account().uploadAgentScript("s", upload))).toMatchObject({
      kind: "invalid",
      message: "The agent cannot be loaded: TypeError: top level\n  at agent.js:2:7",
    });
    expect(seen).toHaveLength(1);
  });

  test("because nobody answers is transient", async () => {
    const gone = account(0);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await failure(gone.uploadAgentScript("s", upload))).toMatchObject({ kind: "transient", retryable: true });
  });
});

describe("the account", () => {
  test("makes a namespace once", async () => {
    answers = [
      { status: 404, errors: [{ code: 100119, message: "" }] },
      { status: 200, result: {} },
      { status: 200, result: {} },
    ];
    expect(await account().ensureNamespace()).toBe(true);
    expect(seen.map(({ method, body }) => [method, body])).toEqual([
      ["GET", ""],
      ["POST", '{"name":"whs"}'],
    ]);
    expect(await account().ensureNamespace()).toBe(false);
  });

  test("forgets a script that is gone already, and forces one that others use", async () => {
    answers = [{ status: 404 }];
    await account().deleteAgentScript("s");
    expect(seen[0]?.url).toBe("/client/v4/accounts/acc/workers/dispatch/namespaces/whs/scripts/s?force=true");
  });

  test("changes all secrets in one request", async () => {
    await account().patchSecrets("s", { A: "1", B: null });
    expect(seen.map(({ method, url }) => `${method} ${url.slice(url.indexOf("/scripts/"))}`)).toEqual(["PATCH /scripts/s/secrets-bulk"]);
    expect(JSON.parse(seen[0]?.body as string)).toEqual({ secrets: { A: { name: "A", text: "1", type: "secret_text" }, B: null } });
  });

  test("finds its dispatch Worker's address under the account's subdomain", async () => {
    answers = [{ status: 200, result: { subdomain: "example" } }];
    expect(await account().addressOfOwnScript("whs-dispatch")).toBe("https://whs-dispatch.example.workers.dev");
  });
});
