import type { AgentManifest } from "@whs/artifact";
import { invalidRequest } from "@whs/platform/errors";
import type { Kysely } from "kysely";
import type { Schema } from "../../database.ts";
import type { AgentRow } from "../agents/index.ts";
import { setKeysOf } from "../secrets/index.ts";

/** @throws AppError `INVALID_REQUEST` naming what the agent or its secrets lack. */
export async function checkManifest(
  db: Kysely<Schema>,
  agent: Pick<AgentRow, "id" | "runtime_provider">,
  manifest: AgentManifest,
): Promise<void> {
  if (manifest.runtime !== agent.runtime_provider) {
    throw invalidRequest([
      { fieldName: "agent.config.json:runtime", message: `is ${manifest.runtime}, but the agent runs on ${agent.runtime_provider}` },
    ]);
  }
  const tools = (["codeInterpreter", "browser"] as const).filter((tool) => manifest.capabilities[tool] === true);
  if (manifest.runtime !== "agentcore" && tools.length > 0) {
    throw invalidRequest(
      tools.map((tool) => ({ fieldName: `agent.config.json:capabilities.${tool}`, message: "is only on the agentcore runtime" })),
    );
  }
  const set = await setKeysOf(db, agent.id);
  const missing = manifest.env.requiredKeys.filter((key) => !set.has(key));
  if (missing.length > 0) {
    throw invalidRequest(
      missing.map((key) => ({ fieldName: "agent.config.json:env.requiredKeys", message: `needs the secret ${key}, which is not set` })),
      { details: { missingSecrets: missing } },
    );
  }
}
