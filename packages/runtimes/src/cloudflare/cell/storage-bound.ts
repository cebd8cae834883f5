/** What sessions of one tenant may take of the node's disk. The supervisor measures; nobody trusts an agent's isolate to stop by itself. */
import type { SessionStorage, StorageOperations } from "@whs/agent";
import type { Write } from "./session-store.ts";

/** What an agent gets that writes more, and a caller whose session is not run any more. */
export class StorageFull extends Error {
  override readonly name = "StorageFull";
  constructor() {
    super("The storage of this account's sessions is full: nothing can be put into it until sessions are deleted.");
  }
}

/** About how many bytes writes put into a store; at least one for each. */
export function bytesPut(writes: readonly Write[]): number {
  let bytes = 0;
  for (const write of writes) if (write[0] === "put") bytes += write[1].length + sizeOf(write[2]);
  return bytes;
}

function sizeOf(value: unknown): number {
  if (typeof value === "string") return value.length + 1;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength + 1;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + sizeOf(item), 1);
  if (value instanceof Map || value instanceof Set) return sizeOf([...value]);
  if (typeof value === "object" && value !== null)
    return Object.entries(value).reduce((sum, [key, item]) => sum + key.length + sizeOf(item), 1);
  return 8;
}

/** The store as it is, except that nothing is put into it when there is no room, in bytes. */
export function boundedStore(store: SessionStorage, room: () => number): SessionStorage {
  const bounded = (operations: StorageOperations): StorageOperations => ({
    get: (key) => operations.get(key),
    put: async (key, value) => {
      if (room() <= 0) throw new StorageFull();
      return operations.put(key, value);
    },
    delete: (key) => operations.delete(key),
    list: (options) => operations.list(options),
  });
  return { ...bounded(store), transaction: (run) => store.transaction((transaction) => run(bounded(transaction))) };
}
