import { setTimeout as delay } from "node:timers/promises";
import { requireValue, SecretStoreError } from "./port.ts";

/** How often `ensure` tries again when what it just saw is deleted under it, or is not yet visible everywhere. */
const ATTEMPTS = 10;

export interface EnsureSteps {
  read: () => Promise<string | undefined>;
  /** Writes unless there is a value already. @returns whether it did. */
  writeIfFree: (value: string) => Promise<boolean>;
  generate: () => string;
  /** Between attempts, doubled each time up to sixteenfold; the first retry is at once. */
  pauseMs: number;
}

/** The value at a place, made when there is none, by whichever caller writes first. */
export async function ensureValue({ read, writeIfFree, generate, pauseMs }: EnsureSteps): Promise<string> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 1 && pauseMs > 0) await delay(pauseMs * 2 ** Math.min(attempt - 2, 4));
    const existing = await read();
    if (existing !== undefined) return existing;
    const value = generate();
    requireValue(value);
    if (await writeIfFree(value)) return value;
  }
  throw new SecretStoreError("unavailable", "Cannot store a secret: its place is taken, and yet there is no value to read.");
}
