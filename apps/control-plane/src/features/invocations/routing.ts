import type { AgentStatus, RuntimeProviderName } from "@whs/api";
import type { DeployOutput, ToolGrant } from "@whs/runtimes";
import type { Kysely } from "kysely";
import { routeLeaseMs } from "../../announcements.ts";
import { createBoundedCache } from "../../bounded-cache.ts";
import type { Schema } from "../../database.ts";
import { findAgentId, findRoute } from "./store.ts";

/** What the gateway has to know of an agent to invoke it. */
export interface Route {
  agentId: string;
  userId: string;
  name: string;
  status: AgentStatus;
  runtimeProvider: RuntimeProviderName;
  /** When a session was ended last: those that began later are not. */
  sessionsEndedAt: Date | null;
  /** The deployment that serves. */
  active: {
    deploymentId: string;
    sessionful: boolean;
    tools: Omit<ToolGrant, "left">;
    providerRef: DeployOutput["providerRef"] | null;
  } | null;
}

export interface Routing {
  /** The owner's living agent, or undefined. */
  find(userId: string, agentId: string): Promise<Route | undefined>;
  /** The owner's living agent of that name, or undefined. */
  findByName(userId: string, name: string): Promise<Route | undefined>;
  forget(agentId: string): void;
  forgetAll(): void;
}

interface Entry {
  route: Promise<Route | undefined>;
  until: number;
}

const maxEntries = 50_000;
const nameHintMs = 600_000;

/**
 * Remembers routes for a short lease that begins before they are read, so that an announced change is never missed, and
 * only while announcements can be heard.
 */
export function createRouting(options: { db: Kysely<Schema>; hearsChanges: () => boolean }): Routing {
  const entries = new Map<string, Entry>();
  /** Hints, by owner and name: the route itself says whether the agent still has the name. */
  const ids = createBoundedCache<string>({ maxEntries, maxAgeMs: nameHintMs });
  const lookUp = (agentId: string): Promise<Route | undefined> => {
    const entry: Entry = { route: findRoute(options.db, agentId), until: performance.now() + routeLeaseMs };
    entries.set(agentId, entry);
    entry.route.then(
      (route) => (route === undefined && entries.get(agentId) === entry ? entries.delete(agentId) : undefined),
      () => (entries.get(agentId) === entry ? entries.delete(agentId) : undefined),
    );
    if (entries.size > maxEntries) {
      const oldest = entries.keys().next();
      if (!oldest.done) entries.delete(oldest.value);
    }
    return entry.route;
  };
  const find = async (userId: string, agentId: string): Promise<Route | undefined> => {
    const entry = entries.get(agentId);
    const route = await (entry !== undefined && entry.until > performance.now() && options.hearsChanges() ? entry.route : lookUp(agentId));
    return route?.userId === userId ? route : undefined;
  };
  return {
    find,
    async findByName(userId, name) {
      const key = `${userId} ${name}`;
      const hint = ids.get(key);
      const hinted = hint === undefined ? undefined : await find(userId, hint);
      if (hinted?.name === name) return hinted;
      const agentId = await findAgentId(options.db, userId, name);
      if (agentId === undefined) return undefined;
      ids.set(key, agentId);
      return find(userId, agentId);
    },
    forget: (agentId) => void entries.delete(agentId),
    forgetAll: () => entries.clear(),
  };
}
