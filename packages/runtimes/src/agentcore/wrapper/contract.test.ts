/** The wrapper beside AWS's own server for the same contract: what a caller may rely on is the same for both. */
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startWrapper, type WrapperProcess } from "../testing/wrapper-process.ts";

const PEER = `
import { BedrockAgentCoreApp } from "bedrock-agentcore/runtime";
const app = new BedrockAgentCoreApp({
  config: { logging: { enabled: false } },
  invocationHandler: {
    process: async (request) => {
      const { prompt } = request.input;
      if (prompt === "fail") throw new Error("no");
      if (prompt === "stream") return (async function* () { yield { event: "delta", data: { text: "a" } }; yield { event: "delta", data: { text: "b" } }; })();
      return { output: { text: prompt } };
    },
  },
});
app.run({ port: Number(process.argv[1]), host: "127.0.0.1" });
`;
const AGENT = `export default { invoke({ messages }) {
  const prompt = messages[0].content;
  if (prompt === "fail") throw new Error("no");
  if (prompt === "stream") return (async function* () { yield "a"; yield "b"; })();
  return prompt;
} };`;

let wrapper: WrapperProcess;
let peerUrl: string;
let stopPeer: () => Promise<void>;

beforeAll(async () => {
  wrapper = await startWrapper({ "agent.js": AGENT });
  const port = await freePort();
  const peer = spawn(process.execPath, ["--input-type=module", "-e", PEER, String(port)], {
    cwd: new URL("..", import.meta.url),
    stdio: ["ignore", "ignore", "inherit"],
  });
  const gone = once(peer, "exit");
  stopPeer = async () => {
    peer.kill("SIGKILL");
    await gone;
  };
  peerUrl = `http://127.0.0.1:${port}`;
  await vi.waitFor(() => fetch(`${peerUrl}/ping`), { timeout: 30_000 });
});
afterAll(async () => {
  await stopPeer();
  await wrapper.close();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe.each(["wrapper", "bedrock-agentcore"])("%s", (name) => {
  const url = (path: string) => (name === "wrapper" ? wrapper.url : peerUrl) + path;
  const invoke = (body: string, accept = "application/json") =>
    fetch(url("/invocations"), {
      method: "POST",
      headers: { "content-type": "application/json", accept, "x-amzn-bedrock-agentcore-runtime-session-id": "s".repeat(36) },
      body,
    });

  test("GET /ping tells status and time in seconds as JSON", async () => {
    const response = await fetch(url("/ping"));
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    const body = (await response.json()) as { status: string; time_of_last_update: number };
    expect(Object.keys(body).toSorted()).toEqual(["status", "time_of_last_update"]);
    expect(body.status).toBe("Healthy");
    expect(Number.isInteger(body.time_of_last_update)).toBe(true);
    expect(body.time_of_last_update).toBeLessThan(1e11);
  });

  test("POST /invocations answers JSON with JSON", async () => {
    const response = await invoke(JSON.stringify({ input: { prompt: "hi" } }));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    expect(await response.json()).toMatchObject({ output: { text: "hi" } });
  });

  test("POST /invocations streams server-sent events to whom accepts them", async () => {
    const response = await invoke(JSON.stringify({ input: { prompt: "stream" } }), "text/event-stream");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const text = await response.text();
    expect([...text.matchAll(/^event: delta\ndata: \{"text":"([ab])"\}$/gm)].map(([, piece]) => piece)).toEqual(["a", "b"]);
  });

  test("a failing agent is status 500 with an error, a broken body a refusal", async () => {
    const failed = await invoke(JSON.stringify({ input: { prompt: "fail" } }));
    expect(failed.status).toBe(500);
    expect(await failed.json()).toHaveProperty("error");
    const broken = await invoke("{");
    expect(broken.status).toBe(400);
    expect(await broken.json()).toHaveProperty("error");
  });
});
