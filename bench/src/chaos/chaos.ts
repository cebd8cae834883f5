import { createToken } from "@whs/api";
import type { Stack } from "@whs/stack";
import { loadavg } from "node:os";
import pg from "pg";
import { median, publish, round } from "../figures.ts";
import { deployAgent, newAgent, startSubject, type Subject } from "../subject.ts";
import { type Findings, settleAndCheck } from "./check.ts";
import { kill, type Target, targets } from "./kill.ts";
import { load, source, type Told } from "./load.ts";

export interface ChaosOptions {
  minutes: number;
  /** Callers that do not keep a session, and sessions. */
  callers: number;
  sessions: number;
  /** The same seed kills the same things after the same pauses. */
  seed: number;
  /** Variables of the stack. */
  environment?: NodeJS.ProcessEnv;
  say: (text: string) => void;
}

interface Killed {
  target: Target;
  /** Milliseconds of `performance.now()`. */
  at: number;
}

export interface ChaosReport {
  kills: Record<Target, number>;
  /** Seconds without a single good answer, the longest of them; and from a kill to the next good answer. */
  longestOutage: number;
  recovery: Record<Target, { p50: number; max: number }>;
  settledAfter: number;
  findings: Findings;
  /** What the reconciliation found after all had settled. */
  drift: number;
  /** What clients were told that they should not have been. */
  explanations: string[];
}

/** Pauses between kills, in milliseconds. */
const shortestPauseMs = 2_000;
const longestPauseMs = 13_000;

/** Kills gateway, supervisor, cell and database at random while clients call, write and deploy; then looks at what is left. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { disturbance: killed, told, ...rest } = await underLoad(options, ({ stack }) => killAtRandom(stack, options));
  return { ...summarize(killed, told), ...rest, explanations: [...told.wrongAnswers, ...told.conflicts] };
}

async function killAtRandom(stack: Stack, { minutes, seed, say }: ChaosOptions): Promise<Killed[]> {
  const random = randomFrom(seed);
  const killed: Killed[] = [];
  const endsAt = performance.now() + minutes * 60_000;
  for (;;) {
    const pauseMs = shortestPauseMs + random() * (longestPauseMs - shortestPauseMs);
    const target = targets[Math.floor(random() * targets.length)];
    if (target === undefined || performance.now() + pauseMs > endsAt) break;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const at = performance.now();
    if (!kill(stack, target)) continue;
    killed.push({ target, at });
    say(`killed ${target}`);
  }
  // What was killed last is under load as well.
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, endsAt - performance.now())));
  return killed;
}

/** Mulberry32, as Tommy Ettinger published it: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Disturbs a stack that clients call, write to and deploy to; then waits until all has settled and looks at what is there. */
export async function underLoad<Disturbance>(
  options: Pick<ChaosOptions, "callers" | "sessions" | "environment" | "say">,
  disturb: (subject: Subject) => Promise<Disturbance>,
): Promise<{ disturbance: Disturbance; told: Told; settledAfter: number; findings: Findings; drift: number }> {
  const subject = await startSubject(options.environment);
  const database = new pg.Client({ connectionString: subject.stack.endpoints.postgres ?? "" });
  try {
    const { client } = subject.person;
    const agentId = await newAgent(client, "chaos-agent");
    await deployAgent(client, agentId, source, { sessionful: true });
    const deployedAgentId = await newAgent(client, "chaos-deployed");
    const { secret } = await client.call(createToken, { body: { name: "load" } });
    const stopping = new AbortController();
    const loading = load({
      ...options,
      url: subject.stack.endpoints.whs ?? "",
      token: secret,
      agentId,
      deployedAgentId,
      signal: stopping.signal,
    });
    const disturbance = await disturb(subject);
    stopping.abort();
    const told = await loading;
    options.say(`${told.attempts.length} invocations; waiting for everything to settle`);
    await untilReady(subject.stack);
    await database.connect();
    const { seconds, findings } = await settleAndCheck(database, told, { person: subject.person, deployedAgentId });
    return { disturbance, told, settledAfter: seconds, findings, drift: await reconciledDrift(database) };
  } finally {
    await database.end();
    await subject.stop();
  }
}

const readyWithinMs = 120_000;

async function untilReady(stack: Stack): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  const ready = async (): Promise<boolean> => {
    if (Object.values(stack.processes).some(({ state }) => state !== "ready")) return false;
    return fetch(`${stack.endpoints.whs}/readyz`).then(
      (answer) => answer.status === 200,
      () => false,
    );
  };
  while (!(await ready())) {
    if (performance.now() > deadline) throw new Error("The stack did not come back");
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function summarize(killed: readonly Killed[], told: Told): Pick<ChaosReport, "kills" | "longestOutage" | "recovery"> {
  const good = told.attempts
    .filter(({ status }) => status === 200)
    .map(({ endedAt }) => endedAt)
    .toSorted((a, b) => a - b);
  const gaps = good.slice(1).map((at, index) => at - (good[index] ?? at));
  const recoveryOf = (target: Target): { p50: number; max: number } => {
    const times = killed
      .filter((one) => one.target === target)
      .flatMap(({ at }) => {
        const next = good.find((answered) => answered > at);
        return next === undefined ? [] : [(next - at) / 1000];
      });
    return { p50: round(times.length === 0 ? 0 : median(times), 2), max: round(Math.max(0, ...times), 2) };
  };
  const byTarget = <Value>(of: (target: Target) => Value) =>
    Object.fromEntries(targets.map((target) => [target, of(target)])) as Record<Target, Value>;
  return {
    kills: byTarget((target) => killed.filter((one) => one.target === target).length),
    longestOutage: round(Math.max(0, ...gaps) / 1000, 1),
    recovery: byTarget(recoveryOf),
  };
}

const reconciledWithinMs = 180_000;

/** Waits for a pass of the reconciliation that began after all had settled. */
async function reconciledDrift(database: pg.Client): Promise<number> {
  const { rows } = await database.query<{ now: Date }>("select now()");
  const since = rows[0]?.now.toISOString() ?? "";
  const deadline = performance.now() + reconciledWithinMs;
  while (performance.now() < deadline) {
    const found = await database.query<{ startedAt: string; drift: number }>(
      `select last_pass ->> 'startedAt' as "startedAt", (last_pass -> 'drift' ->> 'requests')::float8 + (last_pass -> 'drift' ->> 'tokens')::float8 + (last_pass -> 'drift' ->> 'computeMs')::float8 as drift from whs.usage_reconciliation where last_pass is not null`,
    );
    const [pass] = found.rows;
    if (pass !== undefined && pass.startedAt > since) return pass.drift;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  throw new Error("There was no reconciliation within three minutes");
}

/** What must not be there afterwards. @returns the names and numbers of what is. */
export function violations({ findings, drift }: Pick<ChaosReport, "findings" | "drift">): string[] {
  const allowed = new Set<keyof Findings>([
    "sent",
    "acknowledged",
    "failedInRuntime",
    "refused",
    "broken",
    "countedWithoutAnswer",
    "writesAcknowledged",
    "deploysAcknowledged",
  ]);
  const found = Object.entries(findings).filter(([name, number]) => number !== 0 && !allowed.has(name as keyof Findings));
  return [...found, ...(drift === 0 ? [] : [["drift", drift] as const])].map(([name, number]) => `${name}: ${number}`);
}

/** `--minutes 5 --seed 1` */
export async function benchChaos(args: readonly string[]): Promise<void> {
  const option = (name: string, fallback: number): number => {
    const at = args.indexOf(`--${name}`);
    return at === -1 ? fallback : Number(args[at + 1]);
  };
  const seed = option("seed", Date.now() % 1_000_000);
  const minutes = option("minutes", 5);
  const [loadBefore = 0] = loadavg();
  const report = await runChaos({ minutes, callers: 8, sessions: 4, seed, say: (text) => console.log(text) });
  const { kills, recovery, findings } = report;
  await publish({
    benchmark: "chaos",
    rows: targets.map((target) => ({
      killed: target,
      times: kills[target],
      "next good answer p50 s": recovery[target].p50,
      "max s": recovery[target].max,
    })),
    details: { minutes, seed, loadBefore: round(loadBefore, 1), ...report, findings },
  });
  console.table(findings);
  const broken = violations(report);
  if (broken.length > 0) throw new Error(`After the chaos: ${broken.join(", ")}\n${report.explanations.slice(0, 10).join("\n")}`);
}
