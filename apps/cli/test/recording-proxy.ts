import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface RecordingProxy {
  url: string;
  /** `GET /v1/agents`, without the query. */
  seen: string[];
  close(): Promise<void>;
}

/** Stands before a real API, passes everything on and remembers what was asked. */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const seen: string[] = [];
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
      const text = await answer.text();
      response
        .writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "application/json" })
        .end(text === "" ? undefined : text);
    })().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
