import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface RecordingProxy {
  url: string;
  /** `GET /v1/agents`, without the query. */
  seen: string[];
  /** Changes what the stack says of itself on the way. */
  observe(change: ((observation: Observation) => void) | null): void;
  close(): Promise<void>;
}

export interface Observation {
  apiVersion: string;
  mode: string;
  components: { name: string; version: string | null; status: string; capabilities: string[] }[];
}

/** Stands before a real API, passes everything on and remembers what was asked. */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const seen: string[] = [];
  let change: ((observation: Observation) => void) | null = null;
  const server = createServer((request, response) => {
    void (async () => {
      const { method = "GET", url = "/", headers } = request;
      const path = url.split("?", 1)[0] ?? url;
      seen.push(`${method} ${path}`);
      const body = await buffer(request);
      const passed = Object.entries(headers).filter(
        ([name, value]) => typeof value === "string" && !["host", "connection", "content-length", "transfer-encoding"].includes(name),
      );
      const answer = await fetch(target + url, {
        method,
        headers: passed as [string, string][],
        ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
      });
      let text = await answer.text();
      if (path === "/v1/runtime/stack" && change !== null && answer.ok) {
        const observation = JSON.parse(text) as Observation;
        change(observation);
        text = JSON.stringify(observation);
      }
      response
        .writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "application/json" })
        .end(text === "" ? undefined : text);
    })().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    observe: (next) => (change = next),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
