import pg from "pg";
import { publish, round } from "../figures.ts";
import type { Subject } from "../subject.ts";
import { underLoad, violations } from "./chaos.ts";
import type { Attempt } from "./load.ts";

/** Under load before and after the outage, in milliseconds. */
const aroundMs = 5_000;

interface Outage {
  /** Milliseconds of `performance.now()`. */
  from: number;
  to: number;
  /** Events that were written while they could not be. */
  written: number;
}

/** `--seconds 30`: the tables of telemetry refuse everything for so long, under load; then each invocation has to be counted once. */
export async function benchOutage(args: readonly string[]): Promise<void> {
  const at = args.indexOf("--seconds");
  const seconds = at === -1 ? 30 : Number(args[at + 1]);
  const say = (text: string): void => console.log(text);
  const { disturbance, told, settledAfter, findings, drift } = await underLoad({ callers: 8, sessions: 4, say }, (subject) =>
    refuseEvents(subject, seconds),
  );
  const phases: [string, number, number][] = [
    ["before", disturbance.from - aroundMs, disturbance.from],
    ["without telemetry", disturbance.from, disturbance.to],
    ["after", disturbance.to, disturbance.to + aroundMs],
  ];
  await publish({
    benchmark: "outage",
    rows: phases.map(([phase, from, to]) => {
      const ended = told.attempts.filter(({ endedAt }) => endedAt >= from && endedAt < to);
      return {
        phase,
        invocations: ended.length,
        "good/s": round(ended.filter(isGood).length / ((to - from) / 1000), 0),
        others: ended.filter((one) => !isGood(one)).length,
      };
    }),
    details: { seconds, settledAfter: round(settledAfter, 1), drift, findings },
  });
  console.table(findings);
  const broken = [
    ...violations({ findings, drift }),
    ...(disturbance.written === 0 ? [] : [`events written during the outage: ${disturbance.written}`]),
  ];
  if (broken.length > 0) throw new Error(`After the outage: ${broken.join(", ")}`);
}

const isGood = ({ status }: Attempt): boolean => status === 200;

async function refuseEvents({ stack }: Subject, seconds: number): Promise<Outage> {
  const database = new pg.Client({ connectionString: stack.endpoints.postgres ?? "" });
  await database.connect();
  const count = async (): Promise<number> =>
    Number((await database.query<{ n: string }>("select count(*) as n from whs.metrics_events")).rows[0]?.n);
  try {
    await pause(aroundMs);
    await database.query(`create function public.refuse_events() returns trigger language plpgsql as
      $$ begin raise exception 'no telemetry for now'; end $$`);
    await database.query(
      "create trigger refuse_events before insert on whs.metrics_events for each statement execute function public.refuse_events()",
    );
    const from = performance.now();
    const before = await count();
    await pause(seconds * 1000);
    const written = (await count()) - before;
    const to = performance.now();
    await database.query("drop trigger refuse_events on whs.metrics_events");
    await pause(aroundMs);
    return { from, to, written };
  } finally {
    await database.end();
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
