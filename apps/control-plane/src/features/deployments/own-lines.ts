import type { Logger } from "@whs/platform/log";
import type { BlobStore } from "@whs/platform/blobs";
import type { SystemContext } from "../../context.ts";
import { type AgentLine, storeAgentLines } from "./ingest-logs.ts";
import { createSourceMaps } from "./source-maps.ts";

/** Agents' log lines that a driver in this process brings: written together, and worth less than memory. */
export interface OwnLines {
  add(lines: readonly AgentLine[]): void;
  flush(): Promise<void>;
}

const maxQueued = 20_000;
const maxAtOnce = 1_000;
const gatherMs = 20;

export function createOwnLines(options: Pick<SystemContext, "db" | "now"> & { blobs: BlobStore; log: Logger }): OwnLines {
  const sourceMaps = createSourceMaps()(options.blobs);
  const queue: AgentLine[] = [];
  let writing: Promise<void> | null = null;

  const write = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, gatherMs));
    while (queue.length > 0) {
      try {
        await storeAgentLines(options, queue.splice(0, maxAtOnce), sourceMaps);
      } catch (error) {
        options.log.warn({ err: error }, "Log lines of agents were lost");
      }
    }
  };
  const start = (): Promise<void> => {
    writing ??= write().finally(() => {
      writing = null;
    });
    return writing;
  };
  return {
    add(lines) {
      if (queue.length + lines.length > maxQueued) queue.splice(0, maxAtOnce);
      queue.push(...lines.slice(0, maxAtOnce));
      void start();
    },
    async flush() {
      while (queue.length > 0 || writing !== null) await start();
    },
  };
}
