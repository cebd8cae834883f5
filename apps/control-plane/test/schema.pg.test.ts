import { migrate } from "@whs/platform/db";
import { createTestDatabase, describeTables, ExplainedQueries, type TestDatabase, verifyRowTypes } from "@whs/platform/testing";
import path from "node:path";
import type { Kysely } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Schema } from "../src/database.ts";
import { listTokens } from "../src/features/access/store.ts";
import { listAgents } from "../src/features/agents/store.ts";
import { listAuditEntries } from "../src/features/audit/store.ts";
import { findDeployment, listDeployments, listLogLines } from "../src/features/deployments/store.ts";
import { eraseExpiredAnswers } from "@whs/platform/idempotency";
import { listSessions } from "../src/features/invocations/session-store.ts";
import { findUsers } from "../src/features/operator/store.ts";
import { nextAccounts, readCountersSince, sealDay, sumEvents } from "../src/features/usage/reconcile-store.ts";
import {
  findInvocationsOfTrace,
  findLinesOfTrace,
  listFailedInvocations,
  sumByAgent,
  sumByHour,
  sumByMinute,
} from "../src/features/usage/store.ts";

const root = path.resolve(import.meta.dirname, "..");
const migrations = path.join(root, "migrations");

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase({ migrations: [migrations], prepare: (url) => migrate(url, "whs", migrations) });
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

describe("the schema", () => {
  it("is the one described beside the migrations", async () => {
    await expect(`${JSON.stringify(await describeTables(pool, "whs"), null, 2)}\n`).toMatchFileSnapshot(
      path.join(root, "migrations/schema.json"),
    );
  });

  it("has row types that are current", async () => {
    await expect(verifyRowTypes(root, database.url)).resolves.toBeUndefined();
  });

  it("holds no column for a secret's value", async () => {
    const columns = Object.entries(await describeTables(pool, "whs")).flatMap(([table, { columns: names }]) =>
      Object.keys(names).map((column) => `${table}.${column}`),
    );
    expect(columns.filter((column) => /\.\w*(secret|password|private_key)/.test(column))).toEqual(["agents.secrets_revision"]);
  });
});

const dayAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);

/** So many that reading a whole table costs more than an index, and no more, since filling them takes the time. */
const ROWS = 20_000;

describe("over tens of thousands of rows", () => {
  const user = "usr_0000000000000000000000000a";
  const agent = "agt_0000000000000000000000000a";
  const deployment = "dep_0000000000000000000000000a";
  let explained: ExplainedQueries<Schema>;
  let db: Kysely<Schema>;

  beforeAll(async () => {
    const client = await pool.connect();
    await client.query("set session_replication_role = replica");
    const fill = (sql: string): Promise<unknown> => client.query(sql);
    const id = (prefix: string) => `'${prefix}_' || lpad(n::text, 26, '0')`;
    const owner = `case when n % 1000 = 0 then '${user}' else 'usr_' || lpad((n % 1000)::text, 26, '0') end`;
    const ofAgent = `case when n % 1000 = 0 then '${agent}' else 'agt_' || lpad((n % 1000)::text, 26, '0') end`;
    const ofDeployment = `case when n % 1000 = 0 then '${deployment}' else 'dep_' || lpad((n % 1000)::text, 26, '0') end`;
    const many = `generate_series(1, ${ROWS}) as n`;
    await fill(`insert into whs.users (id, external_id, email) select ${id("usr")}, n::text, 'Person' || n || '@example.com' from ${many}`);
    await fill(
      `insert into whs.agents (id, user_id, name, runtime_provider, provider_config) select ${id("agt")}, ${owner}, 'agent-' || n, 'cloudflare', '{"cloudflare":{},"agentcore":null}' from ${many}`,
    );
    await fill(`insert into whs.deployments (id, user_id, agent_id, version, runtime_provider, status, set_as_active, agent_status_before, artifact, telemetry_auth_ref, deployed_by, error_message, finished_at)
      select ${id("dep")}, ${owner}, ${ofAgent}, n, 'cloudflare', 'failed', true, 'created', '{}', '{}', 'usr_x', 'x', now() from ${many}`);
    await fill(`insert into whs.sessions (id, user_id, agent_id, runtime_provider, provider_session_id, expires_at)
      select ${id("ses")}, ${owner}, ${ofAgent}, 'cloudflare', n::text, now() + interval '30 days' from ${many}`);
    await fill(
      `insert into whs.api_tokens (id, user_id, name, token_sha256, scopes) select ${id("tok")}, ${owner}, 't', sha256(n::text::bytea), '{invoke}' from ${many}`,
    );
    await fill(`insert into whs.audit_log (id, user_id, actor, action) select ${id("aud")}, ${owner}, 'x', 'agent.created' from ${many}`);
    await fill(`insert into whs.invocations (day, id, user_id, agent_id, deployment_id, runtime_provider, trace_id, started_at, duration_ms, status_code, error_code)
      select current_date - (n % 5), ${id("evt")}, ${owner}, ${ofAgent}, ${ofDeployment}, 'cloudflare', 'trace-' || n, now(), 1, 502, 'RUNTIME_ERROR' from ${many}`);
    await fill(`insert into whs.agent_log_lines (day, id, deployment_id, agent_id, trace_id, at, source, level, message)
      select current_date - (n % 5), ${id("lin")}, ${ofDeployment}, ${ofAgent}, 'trace-' || n, now(), 'agent', 'info', 'x' from ${many}`);
    await fill(`insert into whs.metrics_events (day, event_id, user_id, agent_id, deployment_id, runtime_provider, trace_id, at, requests, llm_tokens, tokens_estimated, compute_ms, tool_calls, platform_tool_calls, code_execution_seconds, browser_sessions, errors, provider, cost_usd_estimated)
      select current_date - (n % 5), ${id("evt")}, ${owner}, ${ofAgent}, ${ofDeployment}, 'cloudflare', 'trace-' || n, now() - make_interval(mins => n % 1000), 1, 1, false, 1, 0, 0, 0, 0, 0, '{}', 0 from ${many}`);
    await fill(
      `insert into whs.usage_hourly (agent_id, deployment_id, runtime_provider, hour) select ${id("agt")}, ${id("dep")}, 'cloudflare', now() - make_interval(hours => n % 1000) from ${many}`,
    );
    await fill(
      `insert into whs.usage_counters (user_id, period, runtime_provider) select 'usr_' || lpad((n % 10000)::text, 26, '0'), '2026-' || lpad((n / 10000 + 1)::text, 2, '0'), 'cloudflare' from generate_series(0, ${ROWS - 1}) as n`,
    );
    await fill(`insert into whs.usage_daily (user_id, day, runtime_provider, requests, tokens, compute_ms, errors, platform_tool_calls, code_execution_seconds, browser_sessions, cost_usd_estimated)
      select ${id("usr")}, current_date - n % 60, 'cloudflare', 1, 1, 1, 0, 0, 0, 0, 0 from ${many}`);
    await fill(`insert into whs.delegated_invocations (external_user_id, agent_id, key_sha256, source, request_hash, status, response, owner, claimed_until, answer_expires_at, expires_at)
      select n::text, 'agt', 'k', 's', 'h', 'done', case when n % 100 = 0 then 'x'::bytea end, gen_random_uuid(), now(), now() + make_interval(mins => n), now() + interval '30 days' from ${many}`);
    await fill("analyze");
    client.release(true);
    explained = new ExplainedQueries(pool);
    ({ db } = explained);
  }, 120_000);

  it.each<[string, () => Promise<unknown>]>([
    ["agents of an owner", () => listAgents(db, { userId: user, limit: 25, order: "-createdAt" })],
    [
      "agents of an owner, next page",
      () => listAgents(db, { userId: user, limit: 25, order: "-createdAt", after: "agt_00000000000000000000050000" }),
    ],
    [
      "agents of an owner by name",
      () => listAgents(db, { userId: user, limit: 25, order: "name", after: "agent-5000", text: "NT-7", status: "created" }),
    ],
    [
      "agents of an owner by their last deployment",
      () => listAgents(db, { userId: user, limit: 25, order: "-lastDeployedAt", after: "-infinity/agt_2" }),
    ],
    ["sessions of an agent", () => listSessions(db, { agentId: agent, now: new Date(), limit: 25 })],
    [
      "sessions of an agent, next page",
      () => listSessions(db, { agentId: agent, now: new Date(), limit: 25, after: "2026-01-01 00:00:00+00/ses_2" }),
    ],
    ["deployments of an agent", () => listDeployments(db, agent, 25, undefined)],
    ["deployments of an agent, next page", () => listDeployments(db, agent, 25, 50_000)],
    ["a deployment of an owner", () => findDeployment(db, user, "dep_00000000000000000000001000")],
    ["tokens of an owner", () => listTokens(db, user, 25, undefined)],
    ["audit entries of an owner", () => listAuditEntries(db, { userId: user, limit: 25, after: undefined })],
    ["log lines of a deployment", () => listLogLines(db, deployment, 25, {})],
    ["new log lines of a deployment", () => listLogLines(db, deployment, 25, { after: "lin_00000000000000000000099000" })],
    ["failed invocations of an agent", () => listFailedInvocations(db, user, agent, 25, undefined)],
    ["invocations of a trace", () => findInvocationsOfTrace(db, user, "trace-1000")],
    ["log lines of a trace", () => findLinesOfTrace(db, [agent], "trace-1000")],
    ["a series by minute", () => sumByMinute(db, { agentId: agent, from: new Date(Date.now() - 3_600_000), to: new Date() })],
    ["an account by its e-mail address", () => findUsers(db, "PERSON77@example.com")],
    ["answers whose time is over", () => eraseExpiredAnswers(db, "whs.delegated_invocations")],
    [
      "what some accounts' month comes to",
      () =>
        db.transaction().execute(async (transaction) => {
          const accounts = (await nextAccounts(transaction, user, "2026-01-01", 5)).map((account) => account.id);
          await sumEvents(transaction, accounts, { openSince: dayAgo(30), sealedBefore: dayAgo(1) });
          await readCountersSince(transaction, accounts, "2026-01-01");
          await sealDay(transaction, dayAgo(2), accounts);
        }),
    ],
    ["a month by agent", () => sumByAgent(db, { userId: user, from: new Date(0), to: new Date(), limit: 100 })],
    ["a series by hour", () => sumByHour(db, { agentId: agent, from: new Date(Date.now() - 86_400_000), to: new Date() }, "hour")],
  ])("%s is found without reading a whole table", async (_name, run) => {
    for (const plan of await explained.plansOf(run)) expect(plan).not.toMatch(/Seq Scan on (?!.*_default)/);
  });
});
