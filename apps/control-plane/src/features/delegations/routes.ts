import * as endpoints from "@whs/api";
import { type Bind, parseInput, parseJson } from "@whs/platform/http";
import { createRunOnce } from "@whs/platform/idempotency";
import type { Dependencies, SystemContext } from "../../context.ts";
import type { Schema } from "../../database.ts";
import { type Gateway, toInvocationRequest } from "../invocations/index.ts";
import { delegationsTable, keyKeptHours } from "./forget-delegations.ts";
import { invokeForUser } from "./invoke-for-user.ts";
import { verifyDelegation } from "./verify-delegation.ts";

export function bindDelegations(bind: Bind<SystemContext>, { db, keys, log }: Dependencies, gateway: Gateway): void {
  const runOnce = createRunOnce<Schema>({
    kysely: db,
    table: delegationsTable,
    key: keys.idempotency,
    keyName: "idempotencyKey",
    keyKeptHours,
    log,
  });
  bind(endpoints.delegatedInvoke, async (context, { params, rawBody, http }) => {
    const source = verifyDelegation(context, http.request, rawBody);
    const { delegation, invoke } = parseInput(endpoints.delegatedInvokeBody, parseJson(rawBody));
    const request = toInvocationRequest(params.agentId, invoke, http);
    const { answer, replayed } = await invokeForUser(gateway, runOnce, context, { source, delegation, request });
    if (replayed) http.setHeader("idempotency-replayed", "true");
    return answer;
  });
}
