/** Search, filter, order and page of the list of agents, from the URL. */
import { agentOrderSchema, agentStatusSchema, type listAgents, runtimeProviderSchema, type SentQueryOf } from "@whs/api";

const PAGE_SIZE = 25;

/** Whatever the URL says that means nothing is left out. */
export function readAgentQuery(search: URLSearchParams) {
  return {
    text: (search.get("search") ?? "").trim().slice(0, 100),
    status: agentStatusSchema.safeParse(search.get("status")).data ?? null,
    runtimeProvider: runtimeProviderSchema.safeParse(search.get("runtimeProvider")).data ?? null,
    sort: agentOrderSchema.safeParse(search.get("sort")).data ?? null,
    cursor: search.get("cursor"),
  };
}

export type AgentQuery = ReturnType<typeof readAgentQuery>;

/** The same as the API is asked. */
export function toApiQuery({ text, status, runtimeProvider, sort, cursor }: AgentQuery): SentQueryOf<typeof listAgents> {
  return {
    limit: PAGE_SIZE,
    ...(text === "" ? {} : { q: text }),
    ...(status === null ? {} : { status }),
    ...(runtimeProvider === null ? {} : { runtimeProvider }),
    ...(sort === null ? {} : { sort }),
    ...(cursor === null ? {} : { cursor }),
  };
}
