import type { Person } from "@whs/stack/testing";
import { getAgent, invokeAgent } from "@whs/api";
import type pg from "pg";
import type { Told } from "./load.ts";

/** What is left of the chaos once everything has settled. All but `counted` and those that may be should be 0. */
export interface Findings {
  sent: number;
  acknowledged: number;
  /** Answered by the agent or for it: the runtime was reached, whatever came back. */
  failedInRuntime: number;
  refused: number;
  broken: number;
  /** Events of attempts without a whole answer: they may have run. */
  countedWithoutAnswer: number;
  acknowledgedNotCounted: number;
  failedNotCounted: number;
  countedTwice: number;
  countedNeverSent: number;
  refusedButCounted: number;
  counterDrift: number;
  writesAcknowledged: number;
  writesLost: number;
  writesTwice: number;
  writesRefused: number;
  deploysAcknowledged: number;
  deploysLost: number;
  stuckDeployments: number;
  stuckAgents: number;
  leasesLeft: number;
  jobsFailed: number;
  wrongAnswers: number;
}

const settleMs = 300_000;
const lookEveryMs = 1_000;

/** Whether all that the clients were told of is counted, no lease is left and nothing is under way any more. */
async function isSettled(database: pg.Client, told: Told): Promise<boolean> {
  const { rows } = await database.query<{ busy: number }>(`select (
    (select count(*) from whs.usage_leases) + (select count(*) from whs.deployments where status = 'deploying') +
    (select count(*) from jobs.job where state = 'active' and name in ('deployment.deploy', 'secrets.push', 'agent.remove'))
  )::int as busy`);
  if (rows[0]?.busy !== 0) return false;
  const events = await eventsByTrace(database);
  return told.attempts.every((attempt) => !wasAccepted(attempt) || events.has(attempt.traceId));
}

/** An agent answered, or the runtime was reached and did not. */
const wasAccepted = ({ status, code }: Told["attempts"][number]): boolean => status === 200 || code === "RUNTIME_ERROR";

async function eventsByTrace(database: pg.Client): Promise<Map<string, number>> {
  const { rows } = await database.query<{ trace_id: string; count: number }>(
    "select trace_id, count(*)::int as count from whs.metrics_events group by trace_id",
  );
  return new Map(rows.map((row) => [row.trace_id, row.count]));
}

/** Waits until all has settled, for some minutes at the most. @returns seconds that took, and what is there then. */
export async function settleAndCheck(
  database: pg.Client,
  told: Told,
  subject: { person: Person; deployedAgentId: string },
): Promise<{ seconds: number; findings: Findings }> {
  const startedAt = performance.now();
  while (!(await isSettled(database, told)) && performance.now() - startedAt < settleMs)
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  const seconds = (performance.now() - startedAt) / 1000;
  return { seconds, findings: await check(database, told, subject) };
}

async function check(database: pg.Client, told: Told, subject: { person: Person; deployedAgentId: string }): Promise<Findings> {
  const number = async (query: string): Promise<number> => Number((await database.query<{ n: string }>(query)).rows[0]?.n);
  const events = await eventsByTrace(database);
  const byTrace = new Map(told.attempts.map((attempt) => [attempt.traceId, attempt]));
  const among = (matches: (attempt: Told["attempts"][number]) => boolean): number => told.attempts.filter(matches).length;
  const acknowledged = ({ status }: Told["attempts"][number]): boolean => status === 200;
  const inRuntime = ({ code }: Told["attempts"][number]): boolean => code === "RUNTIME_ERROR";
  const broken = ({ status }: Told["attempts"][number]): boolean => status === 0;
  const refused = (attempt: Told["attempts"][number]): boolean => !acknowledged(attempt) && !inRuntime(attempt) && !broken(attempt);
  const counted = ({ traceId }: Told["attempts"][number]): boolean => events.has(traceId);
  const agents = await database.query<{ name: string; id: string }>("select name, id from whs.agents where name like 'written-%'");
  const deployments = await database.query<{ id: string }>("select id from whs.deployments");
  return {
    sent: told.attempts.length,
    acknowledged: among(acknowledged),
    failedInRuntime: among(inRuntime),
    refused: among(refused),
    broken: among(broken),
    countedWithoutAnswer: among((attempt) => broken(attempt) && counted(attempt)),
    acknowledgedNotCounted: among((attempt) => acknowledged(attempt) && !counted(attempt)),
    failedNotCounted: among((attempt) => inRuntime(attempt) && !counted(attempt)),
    countedTwice: [...events.values()].filter((count) => count > 1).length,
    countedNeverSent: [...events.keys()].filter((traceId) => !byTrace.has(traceId)).length,
    refusedButCounted: among((attempt) => refused(attempt) && counted(attempt)),
    counterDrift: await number(
      "select abs((select coalesce(sum(requests), 0) from whs.usage_counters) - (select count(*) from whs.metrics_events)) + abs((select coalesce(sum(requests), 0) from whs.usage_hourly) - (select count(*) from whs.metrics_events)) as n",
    ),
    writesAcknowledged: told.agents.size,
    writesLost: [...told.agents].filter(([name, id]) => !agents.rows.some((row) => row.name === name && row.id === id)).length,
    writesTwice: agents.rows.length - new Set(agents.rows.map((row) => row.name)).size,
    writesRefused: told.conflicts.length,
    deploysAcknowledged: told.deployments.size,
    deploysLost: [...told.deployments.keys()].filter((id) => !deployments.rows.some((row) => row.id === id)).length,
    stuckDeployments: await number("select count(*) as n from whs.deployments where status = 'deploying'"),
    stuckAgents: await number("select count(*) as n from whs.agents where status = 'deploying'"),
    leasesLeft: await number("select count(*) as n from whs.usage_leases"),
    jobsFailed: await number(
      "select count(*) as n from jobs.job where state = 'failed' and name in ('deployment.deploy', 'secrets.push', 'agent.remove')",
    ),
    wrongAnswers: told.wrongAnswers.length + (await wrongVersion(told, subject)),
  };
}

/** The deployment that the agent points to is the one that answers. */
async function wrongVersion(told: Told, { person, deployedAgentId }: { person: Person; deployedAgentId: string }): Promise<number> {
  const { agent } = await person.client.call(getAgent, { id: deployedAgentId });
  const expected = agent.activeDeploymentId === null ? undefined : told.deployments.get(agent.activeDeploymentId);
  if (expected === undefined) return 0;
  const { output } = await person.client.call(invokeAgent, { agentId: deployedAgentId, body: { input: { prompt: "x" } } });
  return output.text === expected ? 0 : 1;
}
