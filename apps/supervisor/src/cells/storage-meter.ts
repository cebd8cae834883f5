import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { StorageRoom } from "@whs/runtimes/cell";
import { isSystemError } from "@whs/platform/durable-files";

/** Files looked at at once; the threads that do it serve all cells. */
const AT_ONCE = 32;
/** Measuring takes at most this share of the time. */
const MOST_OF_TIME = 0.05;
/** Beyond the quota by this share of it, and by more than is written while nobody looks, agents have found a way around it. */
const TOLERANCE = 0.2;
const LEAST_TOLERANCE_BYTES = 32 * 1024 * 1024;

/** How far beyond their quota sessions may be and still run. */
export function toleranceBytes(quotaBytes: number): number {
  return Math.max(quotaBytes * TOLERANCE, LEAST_TOLERANCE_BYTES);
}

/** How much of its quota a tenant's sessions take on the disk. */
export class StorageMeter {
  private readonly sessionsDir: string;
  private readonly quotaBytes: number;
  private usedBytes = 0;
  private asOf = 0;
  private notBefore = 0;
  private measuring: Promise<void> | null = null;

  constructor(sessionsDir: string, quotaBytes: number) {
    this.sessionsDir = sessionsDir;
    this.quotaBytes = quotaBytes;
  }

  get room(): StorageRoom {
    return { leftBytes: this.quotaBytes - this.usedBytes, asOf: this.asOf };
  }

  get isFarBeyond(): boolean {
    return this.usedBytes > this.quotaBytes + toleranceBytes(this.quotaBytes);
  }

  /** Measures anew, unless that was done just now. */
  async measureAgain(): Promise<void> {
    if (Date.now() >= this.notBefore) await this.measure();
  }

  measure(): Promise<void> {
    this.measuring ??= this.look().finally(() => (this.measuring = null));
    return this.measuring;
  }

  private async look(): Promise<void> {
    const startedAt = Date.now();
    const names = await listFiles(this.sessionsDir);
    let bytes = 0;
    for (let start = 0; start < names.length; start += AT_ONCE) {
      const sizes = await Promise.all(names.slice(start, start + AT_ONCE).map((name) => fileBytes(join(this.sessionsDir, name))));
      bytes += sizes.reduce((sum, size) => sum + size, 0);
    }
    this.usedBytes = bytes;
    this.asOf += 1;
    this.notBefore = Date.now() + (Date.now() - startedAt) / MOST_OF_TIME;
  }
}

async function listFiles(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw error;
  }
}

async function fileBytes(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return 0;
    throw error;
  }
}
