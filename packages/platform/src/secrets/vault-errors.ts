import { isSystemError } from "../durable-files/index.ts";
import { SecretStoreError } from "./port.ts";

/** Gives whatever the file system throws a type; its messages hold paths and codes only. */
export async function orUnavailable<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof SecretStoreError) throw error;
    const code = isSystemError(error, "EACCES", "EPERM", "EROFS") ? "denied" : "unavailable";
    throw new SecretStoreError(code, `Cannot ${what}: ${error instanceof Error ? error.message : "unknown failure"}.`, { cause: error });
  }
}
