/** Shows what a running agent writes to its log. */
import { ApiError, listDeploymentLogs, logLineSchema } from "@whs/api";
import type { Api } from "../api.ts";
import { formatLogLine } from "../observation/log-lines.ts";
import type { Output } from "../terminal/output.ts";

export interface LogView {
  /** Goes on with this deployment; the one before may finish what it was asked, the one before that is let go. */
  show(deploymentId: string): void;
  close(): Promise<void>;
}

export function createLogView(api: Api, output: Output): LogView {
  const followed: { stop: AbortController; ended: Promise<void> }[] = [];
  return {
    show(deploymentId) {
      const stop = new AbortController();
      followed.push({ stop, ended: follow(api, output, deploymentId, stop.signal) });
      if (followed.length > 2) followed.shift()?.stop.abort();
    },
    async close() {
      for (const { stop } of followed) stop.abort();
      await Promise.all(followed.map(({ ended }) => ended));
    },
  };
}

async function follow(api: Api, output: Output, deploymentId: string, stop: AbortSignal): Promise<void> {
  try {
    for await (const { event, data } of api.stream(listDeploymentLogs, { id: deploymentId, limit: 100, follow: "true", signal: stop })) {
      if (event !== "line") continue;
      const line = logLineSchema.parse(data);
      // How the deploy went is told already.
      if (line.source === "deploy") continue;
      if (output.json) output.jsonLine({ event: "log", deploymentId, ...line });
      else output.line(formatLogLine(line, output.style));
    }
  } catch (error) {
    if (stop.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    output.warn(`The log cannot be shown: ${error.message}`);
  }
}
