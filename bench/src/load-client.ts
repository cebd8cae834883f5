/**
 * A load generator as small as one can be, in a process of its own: keep-alive connections that each send a prepared
 * HTTP/1.1 request, wait for the whole answer and send the next. It reads no more of an answer than where it ends.
 */
import { newId } from "@whs/platform/ids";
import { createConnection, type Socket } from "node:net";
import type { LoadPlan, LoadResult } from "./load.ts";

const plan = JSON.parse(process.argv[2] ?? "") as LoadPlan;
const latencies: number[] = [];
const failures: string[] = [];

/** All ids have one length, so a prepared request keeps its own. */
const request = (): string => plan.request.replaceAll(/\{\{(evt|trc)\}\}/g, (_whole, prefix: "evt" | "trc") => newId(prefix));

const endsAt = performance.now() + plan.warmUpMs + plan.measureMs;
const measuresFrom = performance.now() + plan.warmUpMs;

function runConnection(): Promise<void> {
  return new Promise((resolve) => {
    const socket: Socket = createConnection(plan.target);
    socket.setNoDelay(true);
    let startedAt = 0;
    let received = Buffer.alloc(0);
    const send = (): void => {
      if (performance.now() >= endsAt) {
        socket.end();
        return;
      }
      received = Buffer.alloc(0);
      startedAt = performance.now();
      socket.write(request());
    };
    socket.on("connect", send);
    socket.on("data", (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const status = answerStatus(received);
      if (status === undefined) return;
      const now = performance.now();
      if (status !== 200 && failures.length < 5) failures.push(received.toString("utf8").slice(0, 300));
      if (startedAt >= measuresFrom && now <= endsAt) latencies.push(now - startedAt);
      send();
    });
    socket.on("error", (error) => failures.push(error.message));
    socket.on("close", () => resolve());
  });
}

/** The status of a complete answer; undefined while more is to come. */
function answerStatus(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = bytes.toString("latin1", 0, headEnd);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  const complete =
    length === undefined ? bytes.toString("latin1", bytes.length - 5) === "0\r\n\r\n" : bytes.length >= headEnd + 4 + Number(length);
  return complete ? Number(head.slice(9, 12)) : undefined;
}

await Promise.all(Array.from({ length: plan.connections }, runConnection));
latencies.sort((a, b) => a - b);
const at = (quantile: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * quantile))] ?? Number.NaN;
const result: LoadResult = {
  requests: latencies.length,
  perSecond: (latencies.length / plan.measureMs) * 1000,
  p50Ms: at(0.5),
  p99Ms: at(0.99),
  failures,
};
process.stdout.write(JSON.stringify(result));
