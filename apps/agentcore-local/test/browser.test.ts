import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  GetBrowserSessionCommand,
  GetBrowserSessionResponse$,
  ListBrowserSessionsCommand,
  ListBrowserSessionsResponse$,
  StartBrowserSessionCommand,
  StartBrowserSessionResponse$,
  StopBrowserSessionCommand,
  StopBrowserSessionResponse$,
  UpdateBrowserStreamCommand,
  UpdateBrowserStreamResponse$,
} from "@aws-sdk/client-bedrock-agentcore";
import { SignatureV4 } from "@smithy/signature-v4";
import { WebSocket } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Sha256 } from "../src/http/sigv4.ts";
import { CREDENTIALS, LocalService, REGION } from "./local-service.ts";
import { expectShape } from "./shapes.ts";

const browserIdentifier = "aws.browser.v1";

describe("browser sessions, by the official SDK and Chromium's own protocol", () => {
  let local: LocalService;
  let site: Server;
  let sessionId: string;
  let endpoint: string;

  beforeAll(async () => {
    site = createServer((_request, response) => response.setHeader("content-type", "text/html").end("<title>A page</title>"));
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    local = await LocalService.start({
      WHS_CELL_EGRESS_ALLOW: `127.0.0.1:${(site.address() as AddressInfo).port}`,
      AGENTCORE_LOCAL_MAX_TOOL_SESSIONS: "1",
    });
    const started = await local.data.send(
      new StartBrowserSessionCommand({ browserIdentifier, name: "visit", viewPort: { width: 900, height: 700 } }),
    );
    expectShape(StartBrowserSessionResponse$, started);
    sessionId = started.sessionId ?? "";
    endpoint = started.streams?.automationStream?.streamEndpoint ?? "";
  }, 90_000);
  afterAll(async () => {
    await local.close();
    site.close();
  });

  async function signedHeaders(url: string): Promise<Record<string, string>> {
    const { host, hostname, port, pathname } = new URL(url);
    const signer = new SignatureV4({ service: "bedrock-agentcore", region: REGION, credentials: CREDENTIALS, sha256: Sha256 });
    const signed = await signer.sign({ method: "GET", protocol: "http:", hostname, port: Number(port), path: pathname, headers: { host } });
    return signed.headers;
  }

  test("a page is opened by CDP; what the operator did not open stays closed", async () => {
    const cdp = await Cdp.connect(endpoint, await signedHeaders(endpoint));
    const { port } = site.address() as AddressInfo;
    expect(await cdp.titleOf(`http://127.0.0.1:${port}/`)).toBe("A page");
    // The service itself is as private as all else on this machine.
    expect(await cdp.textOf(`${local.service.url}/healthz`)).not.toContain("ok");
    expect(await cdp.textOf("http://169.254.169.254/latest/meta-data/")).toContain("not a public address");
    expect(await cdp.titleOf("file:///etc/passwd")).not.toContain("root");
    cdp.close();
  });

  test("the stream is for who signs for it, and while it is switched on", async () => {
    await expect(Cdp.connect(endpoint, {})).rejects.toThrow(/was refused/);
    await expect(Cdp.connect(endpoint, { ...(await signedHeaders(endpoint)), "x-amz-date": "20200101T000000Z" })).rejects.toThrow(
      /was refused/,
    );
    const query = { browserIdentifier, sessionId };
    const open = await Cdp.connect(endpoint, await signedHeaders(endpoint));
    const off = await local.data.send(
      new UpdateBrowserStreamCommand({ ...query, streamUpdate: { automationStreamUpdate: { streamStatus: "DISABLED" } } }),
    );
    expectShape(UpdateBrowserStreamResponse$, off);
    await open.closed;
    await expect(Cdp.connect(endpoint, await signedHeaders(endpoint))).rejects.toThrow(/was refused/);
    await local.data.send(
      new UpdateBrowserStreamCommand({ ...query, streamUpdate: { automationStreamUpdate: { streamStatus: "ENABLED" } } }),
    );
    (await Cdp.connect(endpoint, await signedHeaders(endpoint))).close();
  });

  test("sessions are found, listed, bounded in number, and end when they are stopped", async () => {
    const found = await local.data.send(new GetBrowserSessionCommand({ browserIdentifier, sessionId }));
    expectShape(GetBrowserSessionResponse$, found);
    expect(found).toMatchObject({ status: "READY", name: "visit", viewPort: { width: 900, height: 700 }, sessionTimeoutSeconds: 3600 });
    await expect(local.data.send(new StartBrowserSessionCommand({ browserIdentifier }))).rejects.toMatchObject({
      name: "ServiceQuotaExceededException",
    });
    await expect(
      local.data.send(new StartBrowserSessionCommand({ browserIdentifier, viewPort: { width: 1, height: 1 } })),
    ).rejects.toMatchObject({ name: "ValidationException" });
    const listed = await local.data.send(new ListBrowserSessionsCommand({ browserIdentifier, status: "READY" }));
    expectShape(ListBrowserSessionsResponse$, listed);
    expect(listed.items?.map((item) => item.sessionId)).toEqual([sessionId]);
    const stopped = await local.data.send(new StopBrowserSessionCommand({ browserIdentifier, sessionId }));
    expectShape(StopBrowserSessionResponse$, stopped);
    expect((await local.data.send(new GetBrowserSessionCommand({ browserIdentifier, sessionId }))).status).toBe("TERMINATED");
    await expect(Cdp.connect(endpoint, await signedHeaders(endpoint))).rejects.toThrow(/was refused/);
  });
});

/** As much of the Chrome DevTools Protocol as it takes to open a page. */
class Cdp {
  readonly closed: Promise<void>;
  private readonly socket: WebSocket;
  private readonly waiting = new Map<number, (result: Record<string, unknown>) => void>();
  private last = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.addEventListener("close", () => resolve()));
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result?: Record<string, unknown> };
      if (id !== undefined) this.waiting.get(id)?.(result ?? {});
    });
  }

  static connect(url: string, headers: Record<string, string>): Promise<Cdp> {
    const socket = new WebSocket(url, { headers });
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => resolve(new Cdp(socket)));
      socket.addEventListener("error", () => reject(new Error("The connection was refused.")));
    });
  }

  titleOf(url: string): Promise<string> {
    return this.evaluate(url, "document.title");
  }

  textOf(url: string): Promise<string> {
    return this.evaluate(url, "document.body.innerText");
  }

  close(): void {
    this.socket.close();
  }

  private async evaluate(url: string, expression: string): Promise<string> {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    await this.send("Page.navigate", { url }, sessionId);
    // The blank page may still be there when the navigation is answered.
    const code = `new Promise((resolve) => { const done = () => document.readyState === "complete" && resolve(${expression}); done(); addEventListener("load", done); })`;
    const { result } = await this.send("Runtime.evaluate", { expression: code, awaitPromise: true }, sessionId);
    await this.send("Target.closeTarget", { targetId });
    return String((result as { value?: unknown } | undefined)?.value);
  }

  private send(method: string, params: Record<string, unknown>, sessionId?: unknown): Promise<Record<string, unknown>> {
    this.last += 1;
    const id = this.last;
    this.socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    return new Promise((resolve) => this.waiting.set(id, resolve));
  }
}
