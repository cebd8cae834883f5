import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";

export interface LoadPlan {
  target: { host: string; port: number } | { path: string };
  /** The whole HTTP/1.1 request; `{{evt}}` and `{{trc}}` become new ids. */
  request: string;
  connections: number;
  warmUpMs: number;
  measureMs: number;
}

export interface LoadResult {
  requests: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** The first answers that were not 200. */
  failures: string[];
}

const client = path.join(import.meta.dirname, "load-client.ts");

/** Runs one load from a process of its own. @throws Error when any answer was not 200. */
export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [client, JSON.stringify(plan)], { maxBuffer: 16 * 1024 * 1024 });
  const result = JSON.parse(stdout) as LoadResult;
  if (result.failures.length > 0) throw new Error(`The load met failures: ${result.failures.join(" | ")}`);
  return result;
}

export function httpRequest(target: string, host: string, headers: Record<string, string>, body: string): string {
  const lines = Object.entries({
    host,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  return `POST ${target} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}
