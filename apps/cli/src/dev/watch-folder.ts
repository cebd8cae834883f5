/** Tells when an agent's sources have changed. */
import { watch } from "chokidar";
import path from "node:path";

/** Folders that hold no sources of the agent itself. */
const PASSED_OVER = /(?:^|[\\/])(?:node_modules|\.git|dist)(?:[\\/]|$)/;
/** Editors write a file in several steps; what changes within this time is one change. */
const REST_MS = 25;

export interface FolderWatch {
  /** Also watches these files, which lie elsewhere. */
  add(files: readonly string[]): void;
  /** The time (of `performance.now()`) of the first change since the last call, once the files have come to rest; null when stopped. */
  nextChange(stop: AbortSignal): Promise<number | null>;
  close(): Promise<void>;
}

/** Resolves once it sees all that changes from here on. */
export async function watchFolder(folder: string): Promise<FolderWatch> {
  const watcher = watch(folder, { ignoreInitial: true, ignored: (file) => PASSED_OVER.test(path.relative(folder, file)) });
  let firstChange: number | null = null;
  let wake: (() => void) | undefined;
  let rest: NodeJS.Timeout | undefined;
  watcher.on("all", () => {
    firstChange ??= performance.now();
    clearTimeout(rest);
    rest = setTimeout(() => wake?.(), REST_MS);
  });
  await new Promise<void>((resolve, reject) => watcher.once("ready", resolve).once("error", reject));
  return {
    add: (files) => void watcher.add(files.filter((file) => path.relative(folder, file).startsWith(".."))),
    async nextChange(stop) {
      if (firstChange === null && !stop.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          stop.addEventListener("abort", () => resolve(), { once: true });
        });
      }
      wake = undefined;
      if (stop.aborted) return null;
      const changedAt = firstChange ?? performance.now();
      firstChange = null;
      return changedAt;
    },
    async close() {
      clearTimeout(rest);
      await watcher.close();
    },
  };
}
