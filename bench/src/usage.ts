import { getMe, getMetrics, getUsage, type WhsClient } from "@whs/api";
import { signUp } from "@whs/stack/testing";
import pg from "pg";
import { median, publish, round } from "./figures.ts";
import { newAgent, startSubject } from "./subject.ts";

const rounds = 5;
const callsPerRound = 40;
const sizes = { few: 10_000, many: 10_000_000 };
/** Events are spread evenly over the days of this month so far and before, thirty of them. */
const days = 30;
const eventsAtOnce = 500_000;

interface Account {
  name: keyof typeof sizes;
  client: WhsClient;
  userId: string;
  agentId: string;
}

/** The questions that a dashboard asks, of an account with ten million events and of one with ten thousand, in turn. */
export async function benchUsage(): Promise<void> {
  const subject = await startSubject();
  const database = new pg.Client({ connectionString: subject.stack.endpoints.postgres ?? "" });
  try {
    await database.connect();
    await database.query(`select whs.ensure_partitions((now() at time zone 'utc')::date - ${days}, ${days})`);
    const few = await openAccount("few", subject.person.client);
    const many = await openAccount("many", (await signUp(subject.stack.endpoints)).client);
    for (const account of [few, many]) await fill(database, account);
    await database.query("analyze");
    const to = new Date();
    const from = (daysBack: number): string => new Date(to.getTime() - daysBack * 86_400_000).toISOString();
    const questions: Record<string, (account: Account) => Promise<unknown>> = {
      "usage of the month": ({ client }) => client.call(getUsage, {}),
      "30 days by day": ({ client, agentId }) =>
        client.call(getMetrics, { id: agentId, bucket: "day", from: from(30), to: to.toISOString() }),
      "7 days by hour": ({ client, agentId }) =>
        client.call(getMetrics, { id: agentId, bucket: "hour", from: from(7), to: to.toISOString() }),
    };
    const rows = [];
    for (const [question, ask] of Object.entries(questions)) rows.push(await compare(question, ask, few, many));
    await publish({ benchmark: "usage", rows });
  } finally {
    await database.end();
    await subject.stop();
  }
}

async function openAccount(name: keyof typeof sizes, client: WhsClient): Promise<Account> {
  const { user } = await client.call(getMe, {});
  return { name, client, userId: user.id, agentId: await newAgent(client, `bench-${name}`) };
}

/** As ingestion leaves them: events, and sums per month and per hour. */
async function fill(database: pg.Client, { name, userId, agentId }: Account): Promise<void> {
  const events = sizes[name];
  const atOf = `now() - make_interval(secs => (n::float8 / ${events}) * ${(days - 1) * 86_400})`;
  for (let first = 0; first < events; first += eventsAtOnce) {
    const last = Math.min(first + eventsAtOnce, events) - 1;
    await database.query(
      `insert into whs.metrics_events (day, event_id, user_id, agent_id, deployment_id, runtime_provider, trace_id, at, requests, llm_tokens, tokens_estimated, compute_ms, tool_calls, platform_tool_calls, code_execution_seconds, browser_sessions, errors, provider, cost_usd_estimated)
       select (at at time zone 'utc')::date, 'evt_' || $3 || lpad(n::text, 22, '0'), $1, $2, 'dep_' || n % 3, 'cloudflare', 'trc_' || n, at, 1, n % 900, false, n % 70, 0, 0, 0, 0, 0, '{}', 0.000001
       from (select n, ${atOf} as at from generate_series(${first}, ${last}) as n) as e`,
      [userId, agentId, name],
    );
  }
  await database.query(
    `insert into whs.usage_counters (user_id, period, runtime_provider, requests, tokens, compute_ms, cost_usd_estimated)
     select user_id, to_char(day, 'YYYY-MM'), runtime_provider, count(*), sum(llm_tokens), sum(compute_ms), sum(cost_usd_estimated) from whs.metrics_events where user_id = $1 group by 1, 2, 3`,
    [userId],
  );
  await database.query(
    `insert into whs.usage_hourly (agent_id, deployment_id, runtime_provider, hour, requests, tokens, compute_ms, cost_usd_estimated)
     select agent_id, deployment_id, runtime_provider, date_trunc('hour', at), count(*), sum(llm_tokens), sum(compute_ms), sum(cost_usd_estimated) from whs.metrics_events where user_id = $1 group by 1, 2, 3, 4`,
    [userId],
  );
}

async function compare(
  question: string,
  ask: (account: Account) => Promise<unknown>,
  few: Account,
  many: Account,
): Promise<Record<string, string | number>> {
  const times = { few: [] as number[], many: [] as number[] };
  for (const account of [few, many]) await ask(account);
  for (let turn = 0; turn < rounds; turn++) {
    for (const account of [few, many]) {
      for (let call = 0; call < callsPerRound; call++) {
        const startedAt = performance.now();
        await ask(account);
        times[account.name].push(performance.now() - startedAt);
      }
    }
  }
  return {
    question,
    "10 thousand, p50 ms": round(median(times.few), 2),
    "10 million, p50 ms": round(median(times.many), 2),
    ratio: round(median(times.many) / median(times.few), 2),
  };
}
