import type { AgentManifest } from "@whs/artifact";
import type { Transaction } from "@whs/platform/db";
import type { Context } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { addAgent, type AgentRow, nameTaken } from "../agents/index.ts";
import { type Source, takenNames } from "./store.ts";

const maxNameLength = 64;
const minNameLength = 3;

/** The buyer's agent: the publisher's code and settings, none of its secrets, names or tools. */
export async function insertClone(
  context: Context,
  transaction: Transaction<Schema>,
  input: { source: Source; manifest: AgentManifest; listingName: string; name: string | undefined },
): Promise<AgentRow> {
  const { manifest } = input;
  const name = input.name ?? (await freeName(transaction, context.user.id, nameAfter(input.listingName)));
  const { cloudflare } = input.source.agent.provider_config;
  try {
    return await addAgent(context, transaction, {
      name,
      description: null,
      framework: input.source.agent.framework,
      runtimeProvider: manifest.runtime,
      envVarKeys: [...new Set([...manifest.env.requiredKeys, ...manifest.env.optionalKeys])],
      // Where an agent runs on AgentCore, and how large, is its owner's choice.
      providerConfig:
        manifest.runtime === "cloudflare" ? { cloudflare: cloudflare ?? {}, agentcore: null } : { cloudflare: null, agentcore: {} },
    });
  } catch (error) {
    throw nameTaken(error, name);
  }
}

/** A listing's name as an agent can have it: `Support Bot!` becomes `Support-Bot`. */
export function nameAfter(listingName: string): string {
  const plain = listingName
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^A-Za-z0-9_]+/g, "-")
    .slice(0, maxNameLength - 4)
    .replaceAll(/^-+|-+$/g, "");
  return plain.length >= minNameLength ? plain : `agent${plain === "" ? "" : `-${plain}`}`;
}

/** The name, or the first of `-2`, `-3` … that the owner has not given yet. */
async function freeName(transaction: Transaction<Schema>, userId: string, wanted: string): Promise<string> {
  const taken = await takenNames(transaction, userId, wanted);
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    if (!taken.has(name.toLowerCase())) return name;
  }
}
