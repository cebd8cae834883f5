import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { writeFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { TestAgent } from "@whs/runtimes/conformance";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataPlane } from "./data-plane.ts";

const FETCHER = `export default { async invoke({ messages }) {
  const { url, ...init } = JSON.parse(messages[0].content);
  try {
    const response = await fetch(url, init);
    return JSON.stringify({ status: response.status, headers: Object.fromEntries(response.headers), text: await response.text(), url: response.url });
  } catch (error) { return JSON.stringify({ error: error.message }); }
} };`;

interface Fetched {
  status?: number;
  headers?: Record<string, string>;
  text?: string;
  error?: string;
}

/** A model server on a private address, which the operator opened for agents; another one beside it is not open. */
describe("requests of agents", () => {
  let upstream: Server;
  let port: number;
  let plane: DataPlane;
  let agent: TestAgent;
  let folder: string;
  const seen: IncomingMessage[] = [];

  beforeAll(async () => {
    upstream = createServer((request, response) => {
      seen.push(request);
      void respond(request, response);
    });
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
    port = (upstream.address() as AddressInfo).port;
    folder = await mkdtemp(join(tmpdir(), "whs-rules-"));
    const rulesFile = join(folder, "rules.json");
    await writeFile(rulesFile, JSON.stringify({ agents: { agt_listed: ["api.example.com"] } }));
    plane = await DataPlane.start({ environment: { WHS_CELL_EGRESS_ALLOW: `127.0.0.1:${port}`, WHS_CELL_EGRESS_RULES_FILE: rulesFile } });
    agent = new TestAgent(plane, {});
    await agent.deploy(FETCHER);
  });
  afterAll(async () => {
    await plane.close();
    upstream.close();
    await rm(folder, { recursive: true });
  });

  async function fetched(request: Record<string, unknown>): Promise<Fetched> {
    return JSON.parse((await agent.invoke(JSON.stringify(request))).output.text) as Fetched;
  }

  test("method, headers and body go out, status, headers and body come back", async () => {
    const answer = await fetched({
      url: `http://127.0.0.1:${port}/echo?q=1`,
      method: "POST",
      headers: { "x-custom": "yes" },
      body: "payload",
    });
    expect(answer).toMatchObject({ status: 201, headers: { "x-upstream": "yes" }, text: "POST /echo?q=1 yes payload" });
  });

  test("an upstream sees nothing of ours, and an agent cannot speak for the platform", async () => {
    await fetched({
      url: `http://127.0.0.1:${port}/echo`,
      headers: { "x-whs-egress-deployment": "dep_other", "x-whs-egress-url": "http://169.254.169.254/" },
    });
    const headers = seen.at(-1)?.headers ?? {};
    expect(Object.keys(headers).filter((name) => name.startsWith("x-whs"))).toEqual([]);
    expect(headers.host).toBe(`127.0.0.1:${port}`);
  });

  test("a compressed answer is read as what it says", async () => {
    expect(await fetched({ url: `http://127.0.0.1:${port}/gzip` })).toMatchObject({ status: 200, text: "compressed text" });
  });

  test("a redirect to an address that is not allowed is not followed", async () => {
    expect((await fetched({ url: `http://127.0.0.1:${port}/redirect` })).error).toMatch(/not a public address/);
  });

  test("an error header of an upstream is not taken for ours", async () => {
    expect(await fetched({ url: `http://127.0.0.1:${port}/forged` })).toMatchObject({ status: 200, text: "forged" });
  });

  test("what is not opened beside it stays closed", async () => {
    expect((await fetched({ url: `http://127.0.0.1:${port + 1}/` })).error).toMatch(/not a public address/);
    expect((await fetched({ url: `http://localhost:${port}/echo` })).error).toMatch(/request failed|no public address/);
  });

  test("an upstream that ends in the middle is an error to the agent", async () => {
    expect((await fetched({ url: `http://127.0.0.1:${port}/broken` })).error).toBeDefined();
  });

  test("an agent with a list of hosts reaches no other", async () => {
    const listed = new TestAgent(plane, { agentId: "agt_listed" });
    await listed.deploy(FETCHER);
    const answer = JSON.parse((await listed.invoke(JSON.stringify({ url: `http://127.0.0.1:${port}/echo` }))).output.text) as Fetched;
    expect(answer.error).toMatch(/not on the agent's list/);
  });
});

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://upstream");
  if (pathname === "/redirect") response.writeHead(302, { location: "http://169.254.169.254/latest/" }).end();
  else if (pathname === "/gzip") response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("compressed text"));
  else if (pathname === "/forged") response.writeHead(200, { "x-whs-egress-error": "forged" }).end("forged");
  else if (pathname === "/broken") response.writeHead(200, { "content-length": "100" }).write("half", () => response.destroy());
  else {
    let body = "";
    for await (const chunk of request as AsyncIterable<Buffer>) body += chunk.toString();
    response.writeHead(201, { "x-upstream": "yes" }).end(`${request.method} ${request.url} ${String(request.headers["x-custom"])} ${body}`);
  }
}
