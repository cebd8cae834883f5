/** Search, filter, order and page of the list, from the URL. */
import { type Agent, agentStatusSchema, type AgentStatus, runtimeProviderSchema, type RuntimeProviderName } from "@whs/api";

export interface AgentQuery {
  /** In name or description, whatever the case. */
  search: string;
  status: AgentStatus | null;
  runtimeProvider: RuntimeProviderName | null;
  /** A column; `-` before it turns the order round. */
  sort: string;
  /** From 0. */
  page: number;
}

export interface AgentSelection {
  agents: Agent[];
  /** Of all pages. */
  found: number;
  nextPage: number | null;
}

const PAGE_SIZE = 25;
const ORDERS: Readonly<Record<string, (agent: Agent) => string>> = {
  name: (agent) => agent.name.toLowerCase(),
  status: (agent) => agent.status,
  runtimeProvider: (agent) => agent.runtimeProvider,
  lastDeployedAt: (agent) => agent.lastDeployedAt ?? "",
  createdAt: (agent) => agent.createdAt,
};
const DEFAULT_SORT = "-createdAt";

/** Whatever the URL says that means nothing is left out. */
export function readAgentQuery(search: URLSearchParams): AgentQuery {
  const sort = search.get("sort") ?? DEFAULT_SORT;
  const page = Number(search.get("page") ?? 0);
  return {
    search: (search.get("search") ?? "").trim().slice(0, 100),
    status: agentStatusSchema.safeParse(search.get("status")).data ?? null,
    runtimeProvider: runtimeProviderSchema.safeParse(search.get("runtimeProvider")).data ?? null,
    sort: Object.hasOwn(ORDERS, sort.replace(/^-/, "")) ? sort : DEFAULT_SORT,
    page: Number.isSafeInteger(page) && page > 0 ? page : 0,
  };
}

export function selectAgents(all: readonly Agent[], { search, status, runtimeProvider, sort, page }: AgentQuery): AgentSelection {
  const wanted = search.toLowerCase();
  const found = all.filter(
    (agent) =>
      (wanted === "" || `${agent.name}\n${agent.description ?? ""}`.toLowerCase().includes(wanted)) &&
      (status === null || agent.status === status) &&
      (runtimeProvider === null || agent.runtimeProvider === runtimeProvider),
  );
  const keyOf = ORDERS[sort.replace(/^-/, "")] ?? ((agent: Agent) => agent.createdAt);
  const direction = sort.startsWith("-") ? -1 : 1;
  const ordered = found.toSorted((a, b) => direction * (compare(keyOf(a), keyOf(b)) || compare(a.id, b.id)));
  const start = page * PAGE_SIZE;
  return {
    agents: ordered.slice(start, start + PAGE_SIZE),
    found: found.length,
    nextPage: start + PAGE_SIZE < ordered.length ? page + 1 : null,
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
