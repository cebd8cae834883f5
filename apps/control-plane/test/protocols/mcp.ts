import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Agent, Deployment } from "@whs/api";
import { execFile } from "node:child_process";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAgent, deploy } from "../deploy.ts";
import type { ProtocolBed } from "../protocol-bed.ts";

const info = { name: "test", version: "1.0.0" };
const modernMeta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

interface Result {
  content: { type: string; text: string }[];
  structuredContent?: object;
  isError?: boolean;
  _meta: { traceId: string; sessionId?: string; usage?: { tokens: number }; error?: { code: string } };
}

/** The official clients, of both generations of the protocol, use agents and what runs them as tools. */
export function describeMcp(bedOf: () => ProtocolBed): void {
  const headersOf = (key: string, more: Record<string, string> = {}) => ({
    requestInit: { headers: { authorization: `Bearer ${key}`, ...more } },
  });
  const endpoint = () => new URL("/mcp", bedOf().plane.url);

  const generations = [
    {
      name: "the client of 1.x, of revision 2025-11-25",
      open: async (key: string, more?: Record<string, string>) => {
        const client = new Client(info);
        const transport = new StreamableHTTPClientTransport(endpoint(), headersOf(key, more));
        await client.connect(transport);
        return {
          close: () => client.close(),
          version: transport.protocolVersion,
          list: async () => (await client.listTools()).tools,
          call: async (name: string, input: Record<string, unknown> = {}, options: CallOptions = {}) =>
            (await client.callTool({ name, arguments: input }, undefined, options)) as unknown as Result,
        };
      },
    },
    {
      name: "the client of 2.x, of revision 2026-07-28",
      open: async (key: string, more?: Record<string, string>) => {
        const client = new ModernClient(info, { versionNegotiation: { mode: "auto" } });
        const transport = new ModernTransport(endpoint(), headersOf(key, more));
        await client.connect(transport);
        return {
          close: () => client.close(),
          version: client.getNegotiatedProtocolVersion(),
          list: async () => (await client.listTools()).tools,
          call: async (name: string, input: Record<string, unknown> = {}, options: CallOptions = {}) =>
            (await client.callTool({ name, arguments: input }, options)) as unknown as Result,
        };
      },
    },
  ];
  type Opened = Awaited<ReturnType<(typeof generations)[number]["open"]>>;

  describe.each(generations)("MCP by $name", ({ name: generation, open }) => {
    let owner: Opened;
    beforeAll(async () => {
      owner = await open(bedOf().owner.key);
    });
    afterAll(() => owner?.close());

    it("speaks its revision, and finds the agents that can be invoked and what its scopes allow", async () => {
      expect(generation).toContain(owner.version);
      const tools = await owner.list();
      expect(tools.map(({ name }) => name)).toEqual(
        expect.arrayContaining(["whs_list_agents", "whs_activate_deployment", "echo", "counter"]),
      );
      expect(tools.find(({ name }) => name === "echo")).toMatchObject({
        description: "Says what it was told.",
        inputSchema: {
          type: "object",
          properties: { prompt: { type: "string" }, messages: { type: "array" }, sessionId: { type: "string" } },
        },
      });
      const invokeOnly = await open(await bedOf().owner.keyWith("invoke"));
      expect((await invokeOnly.list()).map(({ name }) => name).filter((name) => name.startsWith("whs_"))).toEqual([]);
      await invokeOnly.close();
      const reader = await open(await bedOf().owner.keyWith("usage:read"));
      expect((await reader.list()).map(({ name }) => name)).toEqual(["whs_list_errors", "whs_get_trace", "whs_get_usage"]);
      await expect(reader.call("echo", { prompt: "x" })).rejects.toThrow(/scope/);
      await expect(reader.call("whs_list_agents")).rejects.toThrow(/scope/);
      await reader.close();
    });

    it("calls agents by name, with a prompt or messages, and is told the trace", async () => {
      const { content, isError, _meta } = await owner.call("echo", { prompt: "Hello" });
      expect(content).toEqual([{ type: "text", text: "echo: user Hello" }]);
      expect(isError).toBe(false);
      expect(_meta.usage?.tokens).toBeGreaterThan(0);
      expect(await bedOf().recorded(_meta.traceId)).toEqual([{ agent_id: bedOf().echoId, status_code: 200, error_code: null }]);
      const messages = [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ];
      expect((await owner.call(bedOf().echoId, { messages })).content[0]?.text).toBe("echo: system Be brief. | user Hi");
    });

    it("goes on with a session by its id, which the model is told", async () => {
      const first = await owner.call("counter", { prompt: "x" });
      const { sessionId } = first._meta;
      expect(first.content.map(({ text }) => text)).toEqual(["turn 1: x ", expect.stringContaining(String(sessionId))]);
      const second = await owner.call("counter", { prompt: "y", sessionId });
      expect(second.content.map(({ text }) => text)).toEqual(["turn 2: y "]);
      const foreign = await owner.call("counter", { prompt: "y", sessionId: "ses_00000000000000000000000000" });
      expect(foreign).toMatchObject({ isError: true, _meta: { error: { code: "RUNTIME_ERROR" } } });
    });

    it("is shown what the agent says while it does, where it asks for progress", async () => {
      const seen: { progress: number; message?: string | undefined }[] = [];
      const { content } = await owner.call("counter", { prompt: "one two" }, { onprogress: (progress) => void seen.push(progress) });
      expect(content[0]?.text).toBe("turn 1: one two ");
      expect(seen.map(({ message }) => message).join("")).toBe("turn 1: one two ");
      expect(seen.length).toBeGreaterThan(2);
      for (const [index, { progress }] of seen.entries()) expect(progress).toBeGreaterThan(seen[index - 1]?.progress ?? 0);
    });

    it("stops the agent by cancelling, and the record says so", async () => {
      const traceId = `mcp-cancel-${crypto.randomUUID()}`;
      const client = await open(bedOf().owner.key, { "x-trace-id": traceId });
      const cancelling = new AbortController();
      const call = client.call("counter", { prompt: "wait" }, { signal: cancelling.signal, onprogress: () => cancelling.abort() });
      await expect(call).rejects.toThrow(/abort/i);
      expect(await bedOf().recorded(traceId)).toEqual([{ agent_id: bedOf().counterId, status_code: 502, error_code: "RUNTIME_ERROR" }]);
      await client.close();
    });

    it("gets an agent's failure, bad arguments and a plan with nothing left as results that a model can read", async () => {
      const failed = await owner.call("counter", { prompt: "fail" });
      expect(failed).toMatchObject({ isError: true, _meta: { error: { code: "RUNTIME_ERROR" } } });
      expect(failed.content[0]?.text).toContain("The counter is broken");
      const streamed = await owner.call("counter", { prompt: "fail" }, { onprogress: () => undefined });
      expect(streamed).toMatchObject({ isError: true, content: failed.content });
      for (const input of [{ prompt: 1 }, { nobodyKnows: 1 }, { prompt: "x", messages: [{ role: "user", content: "x" }] }])
        expect(await owner.call("echo", input)).toMatchObject({ isError: true, _meta: { error: { code: "INVALID_REQUEST" } } });
      const broke = await open(bedOf().broke.key);
      expect(await broke.call("spent", { prompt: "x" })).toMatchObject({ isError: true, _meta: { error: { code: "LIMIT_EXCEEDED" } } });
      await broke.close();
      const busy = await open(bedOf().busy.key);
      const leaving = new AbortController();
      let second: Promise<Result> | undefined;
      const onprogress = (): void => {
        second ??= busy.call("counter", { prompt: "x" }).finally(() => leaving.abort());
      };
      await expect(busy.call("counter", { prompt: "wait" }, { signal: leaving.signal, onprogress })).rejects.toThrow(/abort/i);
      expect(await second).toMatchObject({ isError: true, _meta: { error: { code: "RATE_LIMITED" } } });
      await busy.close();
    });

    it("does not find what is somebody else's, or what never was", async () => {
      const stranger = await open(bedOf().stranger.key);
      const tools = (await stranger.list()).map(({ name }) => name);
      expect(tools.filter((name) => !name.startsWith("whs_"))).toEqual([]);
      const failures = await Promise.all(
        ["echo", bedOf().echoId, "nobody-knows-this"].map((name) => stranger.call(name).catch((error: unknown) => String(error))),
      );
      expect(failures[0]).toContain("Unknown tool");
      expect(new Set(failures).size).toBe(1);
      expect(await stranger.call("whs_list_deployments", { agent: bedOf().echoId })).toMatchObject({
        isError: true,
        _meta: { error: { code: "NOT_FOUND" } },
      });
      expect(await stranger.call("whs_list_agents")).toMatchObject({ structuredContent: { items: [] } });
      await stranger.close();
    });

    it("is refused without a good credential, and told where to get one", async () => {
      await expect(open("whs_nobody")).rejects.toThrow(/not valid|HTTP 401/);
    });
  });

  describe("the control plane as tools of MCP", () => {
    it("says what is deployed, what failed and why, and what was used, and rolls back", async () => {
      const { owner, echoId, counterId } = bedOf();
      const client = await generations[1]!.open(owner.key);
      const use = async <T>(name: string, input: object = {}) => {
        const { content, structuredContent, isError } = await client.call(name, input as Record<string, unknown>);
        expect(isError).toBe(false);
        expect(JSON.parse(content[0]?.text ?? "")).toEqual(structuredContent);
        return structuredContent as T;
      };
      const agents = await use<{ items: Agent[] }>("whs_list_agents");
      const echo = agents.items.find(({ id }) => id === echoId);
      expect(echo).toMatchObject({ name: "echo", status: "active" });
      const deployments = await use<{ items: Deployment[] }>("whs_list_deployments", { agent: "echo", limit: 1 });
      expect(deployments.items).toMatchObject([{ id: echo?.activeDeploymentId, status: "active" }]);
      const failed = await client.call("counter", { prompt: "fail" });
      await bedOf().recorded(failed._meta.traceId);
      const errors = await use<{ items: { traceId: string }[] }>("whs_list_errors", { agent: "counter" });
      expect(errors.items.map(({ traceId }) => traceId)).toContain(failed._meta.traceId);
      const trace = await use<{ items: { invocation: object }[] }>("whs_get_trace", { traceId: failed._meta.traceId });
      expect(trace.items).toMatchObject([{ invocation: { agentId: counterId, errorCode: "RUNTIME_ERROR" } }]);
      expect(await use("whs_get_usage")).toMatchObject({ tier: "enterprise" });
      const activated = await use("whs_activate_deployment", { agent: "echo", deploymentId: echo?.activeDeploymentId, reason: "test" });
      expect(activated).toMatchObject({ agent: { id: echoId, activeDeploymentId: echo?.activeDeploymentId } });
      expect((await client.call("whs_get_usage", { period: "yesterday" }))._meta.error?.code).toBe("INVALID_REQUEST");
      await client.close();
    });
  });

  describe("MCP refuses", () => {
    const send = async (body: string | object, headers: Record<string, string> = {}, key: string | null = bedOf().owner.key) => {
      const response = await fetch(endpoint(), {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          ...(key === null ? {} : { authorization: `Bearer ${key}` }),
          ...headers,
        },
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: (text === "" ? undefined : JSON.parse(text)) as unknown };
    };
    const modern = { "mcp-protocol-version": "2026-07-28" };
    const request = (method: string, params: object = {}) => ({ jsonrpc: "2.0", id: 7, method, params: { _meta: modernMeta, ...params } });

    it.each([
      ["text that is no JSON", "{", 400, -32700],
      ["a batch", [{ jsonrpc: "2.0", id: 1, method: "ping" }], 400, -32600],
      ["a message of another version", { jsonrpc: "1.0", id: 1, method: "ping" }, 400, -32600],
      ["an answer to nothing", { jsonrpc: "2.0", id: 1, result: {} }, 400, -32600],
      ["a body that is too large", `"${"x".repeat(1024 * 1024)}"`, 413, -32600],
    ])("%s", async (_what, body, status, code) => {
      expect(await send(body)).toMatchObject({ status, body: { jsonrpc: "2.0", id: null, error: { code } } });
    });

    it("headers that say something else than the body, and revisions that it does not speak", async () => {
      const list = request("tools/list");
      const call = request("tools/call", { name: "echo" });
      expect(await send(list)).toMatchObject({ status: 400, body: { id: 7, error: { code: -32020 } } });
      expect(await send(list, { ...modern, "mcp-method": "tools/call" })).toMatchObject({ status: 400, body: { error: { code: -32020 } } });
      expect(await send(call, { ...modern, "mcp-method": "tools/call", "mcp-name": "counter" })).toMatchObject({
        body: { error: { code: -32020 } },
      });
      const encoded = `=?base64?${Buffer.from("echo").toString("base64")}?=`;
      expect(await send(call, { ...modern, "mcp-method": "tools/call", "mcp-name": encoded })).toMatchObject({
        status: 200,
        body: { result: { isError: false } },
      });
      expect(await send({ jsonrpc: "2.0", id: 7, method: "tools/list" }, modern)).toMatchObject({
        status: 400,
        body: { error: { code: -32602 } },
      });
      expect(await send({ jsonrpc: "2.0", id: 7, method: "tools/list" }, { "mcp-protocol-version": "1999-01-01" })).toMatchObject({
        status: 400,
        body: { error: { code: -32022, data: { requested: "1999-01-01", supported: ["2026-07-28", "2025-11-25", "2025-06-18"] } } },
      });
      expect(await send(request("nobody/knows"), { ...modern, "mcp-method": "nobody/knows" })).toMatchObject({
        status: 404,
        body: { id: 7, error: { code: -32601 } },
      });
      expect(await send({ jsonrpc: "2.0", id: 7, method: "nobody/knows" })).toMatchObject({
        status: 200,
        body: { id: 7, error: { code: -32601 } },
      });
    });

    it("whoever has no credential, or too little scope, and says where to get it", async () => {
      const none = await send({ jsonrpc: "2.0", id: 7, method: "ping" }, {}, null);
      expect(none).toMatchObject({ status: 401, body: { id: null, error: { code: 401, data: { code: "UNAUTHENTICATED" } } } });
      const [, url] = /^Bearer resource_metadata="([^"]+)"$/.exec(none.headers.get("www-authenticate") ?? "") ?? [];
      const metadata = (await (await fetch(url ?? "")).json()) as object;
      expect(metadata).toMatchObject({ resource: endpoint().href, bearer_methods_supported: ["header"] });
      const call = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "echo", arguments: {} } };
      const scope = await send(call, {}, await bedOf().owner.keyWith("agents:read"));
      expect(scope).toMatchObject({ status: 403, body: { id: 7, error: { code: 403, data: { code: "UNAUTHORIZED" } } } });
      expect(scope.headers.get("www-authenticate")).toBe(`Bearer error="insufficient_scope", scope="invoke", resource_metadata="${url}"`);
    });

    it("pages of other origins, and other methods than POST", async () => {
      const ping = { jsonrpc: "2.0", id: 7, method: "ping" };
      expect(await send(ping, { origin: "https://evil.example" })).toMatchObject({ status: 403, body: { error: { code: 403 } } });
      expect(await send(ping, { origin: "null" })).toMatchObject({ status: 403 });
      expect(await send(ping, { origin: endpoint().origin })).toMatchObject({ status: 200, body: { jsonrpc: "2.0", id: 7, result: {} } });
      for (const method of ["GET", "DELETE"]) {
        const response = await fetch(endpoint(), { method, headers: { authorization: `Bearer ${bedOf().owner.key}` } });
        expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
      }
    });

    it("nothing of a notification, which has no answer", async () => {
      for (const method of ["notifications/initialized", "notifications/cancelled", "notifications/of-tomorrow"])
        expect(await send({ jsonrpc: "2.0", method })).toMatchObject({ status: 202, body: undefined });
    });
  });

  describe("the MCP conformance suite", () => {
    const fixtures = {
      test_simple_text: `export default { invoke() { return "This is a simple text response for testing."; } };`,
      test_error_handling: `export default { invoke() { throw new Error("This tool intentionally returns an error for testing"); } };`,
      test_tool_with_progress: `export default { async *invoke() { yield "one "; yield "two "; yield "three"; } };`,
    };
    let url: string;
    /** The suite knows no credentials: this door in front of the service adds one. */
    const door = createServer((incoming, outgoing) => {
      const { hostname, port } = endpoint();
      const headers = { ...incoming.headers, authorization: `Bearer ${bedOf().owner.key}` };
      const passed = httpRequest({ hostname, port, method: incoming.method, path: incoming.url, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      passed.on("error", () => outgoing.destroy());
      outgoing.on("close", () => passed.destroy());
      incoming.pipe(passed);
    });
    beforeAll(async () => {
      const { owner } = bedOf();
      const names = {
        ...fixtures,
        test_streaming_elicitation: fixtures.test_tool_with_progress,
        test_logging_tool: fixtures.test_simple_text,
      };
      await Promise.all(Object.entries(names).map(async ([name, code]) => deploy(owner, await createAgent(owner, name), code)));
      await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
      url = `http://127.0.0.1:${(door.address() as AddressInfo).port}/mcp`;
    }, 60_000);
    afterAll(() => {
      door.close();
      door.closeAllConnections();
    });

    it.each(["2026-07-28", "2025-11-25"])(
      "finds what it requires of a server of %s, as far as WHS offers it",
      async (revision) => {
        const baseline = path.join(import.meta.dirname, "mcp-conformance.yaml");
        const args = ["server", "--url", url, "--requirements", revision, "--expected-failures", baseline];
        const { code, report } = await new Promise<{ code: number; report: string }>((resolve) => {
          const child = execFile("conformance", args, { maxBuffer: 64 * 1024 * 1024 }, (_error, stdout, stderr) =>
            resolve({ code: child.exitCode ?? -1, report: stdout + stderr }),
          );
        });
        expect(report).toContain("✓ tools-list:");
        expect(code, report.slice(report.indexOf("=== SUMMARY"))).toBe(0);
      },
      120_000,
    );
  });
}

interface CallOptions {
  signal?: AbortSignal;
  onprogress?: (progress: { progress: number; message?: string | undefined }) => void;
}
