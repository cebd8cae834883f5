/** One row, one commit, again and again, on some connections: what a database does without batches. */
import { newId } from "@whs/platform/ids";
import pg from "pg";
import type { InsertPlan } from "./telemetry.ts";

const plan = JSON.parse(process.argv[2] ?? "") as InsertPlan;
let inserted = 0;

async function insertUntil(endsAt: number, client: pg.Client): Promise<void> {
  while (performance.now() < endsAt) {
    await client.query({
      name: "insert",
      text: `insert into ${plan.table} (day, event_id, user_id, agent_id, deployment_id, runtime_provider, trace_id, at, requests, llm_tokens, tokens_estimated, compute_ms, tool_calls, platform_tool_calls, code_execution_seconds, browser_sessions, errors, provider, cost_usd_estimated)
        values (current_date, $1, 'usr_01k00000000000000000000000', 'agt_01k00000000000000000000000', 'dep_01k00000000000000000000000', 'cloudflare', $2, now(), 1, 5, false, 3, 0, 0, 0, 0, 0, '{"cloudflare":{"durableObjectOps":1,"workersAICalls":0},"agentcore":null}', 0.000001)`,
      values: [newId("evt"), newId("trc")],
    });
    inserted += 1;
  }
}

const clients = await Promise.all(
  Array.from({ length: plan.connections }, async () => {
    const client = new pg.Client({ connectionString: plan.url });
    await client.connect();
    return client;
  }),
);
const endsAt = performance.now() + plan.seconds * 1000;
await Promise.all(clients.map((client) => insertUntil(endsAt, client)));
await Promise.all(clients.map((client) => client.end()));
process.stdout.write(JSON.stringify({ inserted, seconds: plan.seconds }));
