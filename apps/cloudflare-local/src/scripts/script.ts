import type { Metadata } from "../api/metadata.ts";
import type { ScriptName } from "../edge/protocol.ts";

/** What is kept of a script besides its secrets, which are in the vault. */
export interface Script {
  name: ScriptName;
  /** A new one for each upload and each change of a secret. */
  version: string;
  createdOn: string;
  modifiedOn: string;
  metadata: Omit<Metadata, "bindings" | "migrations">;
  bindings: readonly PlainBinding[];
  /** Names of the secrets among its bindings. */
  secretNames: readonly string[];
  modules: Readonly<Record<string, StoredModule>>;
  migrationTag: string | null;
  /** Classes of Durable Objects that its migrations made. */
  objectClasses: readonly string[];
  /** Whether it has an address of its own. */
  published: boolean;
}

export type PlainBinding = Exclude<NonNullable<Metadata["bindings"]>[number], { type: "secret_text" }>;
export type StoredModule = { js: string } | { text: string } | { data: string } | { wasm: string };
