import { readFile } from "node:fs/promises";
import type { LookupFunction } from "node:net";
import { z } from "zod";
import { createPublicLookup } from "./public-lookup.ts";

const rulesSchema = z.strictObject({
  agents: z.record(z.string(), z.array(z.string().regex(/^(\*\.)?[a-z0-9.-]+$/, "must be a host name in lower case, or *. and one"))),
});

/** Where agents may go beyond the rule that the public internet is open and everything else is not. */
export interface EgressPolicy {
  /** Whether the operator opened a private `host:port` to all agents. */
  opensPrivate(host: string, port: number): boolean;
  /** False when the agent has a list and the host is not on it. */
  allows(agentId: string, host: string): boolean;
  /** Resolves the names of everything else, and refuses those that have no public address. */
  readonly lookupPublic: LookupFunction;
}

/** @throws Error when the rules' file cannot be used. */
export async function openEgressPolicy(options: {
  allow: readonly string[];
  rulesFile: string | undefined;
  /** DNS servers for the names that agents use; the system's when there are none. */
  dnsServers?: readonly string[];
}): Promise<EgressPolicy> {
  const open = new Set(options.allow.map((entry) => entry.toLowerCase()));
  const rules = options.rulesFile === undefined ? { agents: {} as Record<string, string[]> } : await readRules(options.rulesFile);
  return {
    opensPrivate: (host, port) => open.has(`${host}:${port}`),
    allows: (agentId, host) => rules.agents[agentId]?.some((pattern) => matches(pattern, host)) ?? true,
    lookupPublic: createPublicLookup(options.dnsServers),
  };
}

async function readRules(file: string) {
  try {
    return rulesSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (cause) {
    throw new Error(`WHS_CELL_EGRESS_RULES_FILE: ${file} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

function matches(pattern: string, host: string): boolean {
  return pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) : host === pattern;
}
