import { limitTypes, type RuntimeProviderName } from "@whs/api";
import { AppError } from "@whs/platform/errors";
import { Counter, createRegistry, Gauge, Histogram, type Registry } from "@whs/platform/metrics";

/** What was thrown away because a queue was full. */
export type Dropped = "invocation_record" | "telemetry_event" | "stream_events";
export type GroupName = "invocations" | "telemetry" | "stream_events";
export type InvocationOutcome = "ok" | "cancelled" | "timeout" | "failed" | "unavailable";

/**
 * What the control plane counts about itself. Labels come from closed sets: no id and nothing a caller chose is ever one.
 */
export interface Metrics {
  readonly registry: Registry;
  /** @returns call it with the outcome when the invocation has ended. */
  invocationStarted(runtime: RuntimeProviderName): (outcome: InvocationOutcome) => void;
  telemetryTaken(result: "accepted" | "duplicate"): void;
  /** `code` is one of the API's. */
  telemetryRejected(code: string): void;
  /** Counted by the gateway, for the runtime's own event has not come. */
  countedByFallback(): void;
  dropped(what: Dropped): void;
  /** Measures how many items a group holds and how long its commit takes. */
  group<Item, Result>(name: GroupName, commit: (items: readonly Item[]) => Promise<Result>): (items: readonly Item[]) => Promise<Result>;
  deployEnded(runtime: RuntimeProviderName, outcome: "deployed" | "failed", durationMs: number): void;
  /** Counts the refusals among errors: an exhausted budget, a closed gate, too high a rate. Others are ignored. */
  refused(error: unknown): void;
  /** Measures each attempt of a job and counts those that fail. */
  job<Args extends unknown[]>(name: string, run: (...args: Args) => Promise<void>): (...args: Args) => Promise<void>;
}

const invocationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];

export function createMetrics(): Metrics {
  const registry = createRegistry("control-plane");
  const registers = [registry];
  const telemetry = new Counter({
    name: "whs_telemetry_events_total",
    help: "Telemetry events taken, by what they were.",
    labelNames: ["result"],
    registers,
  });
  const rejected = new Counter({
    name: "whs_telemetry_rejected_total",
    help: "Telemetry events refused, by error code.",
    labelNames: ["code"],
    registers,
  });
  const fallback = new Counter({
    name: "whs_telemetry_fallback_total",
    help: "Invocations that the gateway counted because their event had not come.",
    registers,
  });
  const drops = new Counter({
    name: "whs_dropped_total",
    help: "What was thrown away because a queue was full.",
    labelNames: ["what"],
    registers,
  });
  const refusals = new Counter({
    name: "whs_limit_refusals_total",
    help: "Requests refused by a limit, by its type.",
    labelNames: ["type"],
    registers,
  });
  const deploys = new Histogram({
    name: "whs_deploy_duration_seconds",
    help: "Time from an accepted deploy to its end.",
    labelNames: ["runtime", "outcome"],
    buckets: [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
    registers,
  });
  for (const result of ["accepted", "duplicate"]) telemetry.inc({ result }, 0);
  for (const what of ["invocation_record", "telemetry_event", "stream_events"]) drops.inc({ what }, 0);
  for (const type of [...limitTypes, "rate"]) refusals.inc({ type }, 0);
  return {
    registry,
    invocationStarted: measureInvocations(registry),
    telemetryTaken: (result) => telemetry.inc({ result }),
    telemetryRejected: (code) => rejected.inc({ code }),
    countedByFallback: () => fallback.inc(),
    dropped: (what) => drops.inc({ what }),
    group: measureGroups(registry),
    deployEnded: (runtime, outcome, durationMs) => deploys.observe({ runtime, outcome }, durationMs / 1000),
    refused(error) {
      if (!(error instanceof AppError)) return;
      if (error.code === "RATE_LIMITED") refusals.inc({ type: "rate" });
      if (error.code !== "LIMIT_EXCEEDED") return;
      const type = limitTypes.find((known) => known === error.details["limitType"]);
      refusals.inc({ type: type ?? "other" });
    },
    job: measureJobs(registry),
  };
}

function measureInvocations(registry: Registry): Metrics["invocationStarted"] {
  const duration = new Histogram({
    name: "whs_invocation_duration_seconds",
    help: "Time that the gateway spends on an invocation, from its admission to the end of its answer.",
    labelNames: ["runtime", "outcome"],
    buckets: invocationBuckets,
    registers: [registry],
  });
  const running: Record<RuntimeProviderName, number> = { cloudflare: 0, agentcore: 0 };
  const inFlight: Gauge<"runtime"> = new Gauge({
    name: "whs_invocations_in_flight",
    help: "Invocations that run.",
    labelNames: ["runtime"],
    registers: [registry],
    collect: () => {
      for (const [runtime, count] of Object.entries(running)) inFlight.set({ runtime }, count);
    },
  });
  return (runtime) => {
    const startedAt = performance.now();
    running[runtime] += 1;
    return (outcome) => {
      running[runtime] -= 1;
      duration.observe({ runtime, outcome }, (performance.now() - startedAt) / 1000);
    };
  };
}

function measureGroups(registry: Registry): Metrics["group"] {
  const items = new Histogram({
    name: "whs_group_commit_items",
    help: "Items that are written together.",
    labelNames: ["group"],
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000],
    registers: [registry],
  });
  const duration = new Histogram({
    name: "whs_group_commit_duration_seconds",
    help: "Time that a group's commit takes.",
    labelNames: ["group", "result"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
    registers: [registry],
  });
  return (group, commit) => async (all) => {
    items.observe({ group }, all.length);
    const startedAt = performance.now();
    const ended = (result: "ok" | "failed"): void => duration.observe({ group, result }, (performance.now() - startedAt) / 1000);
    try {
      const result = await commit(all);
      ended("ok");
      return result;
    } catch (error) {
      ended("failed");
      throw error;
    }
  };
}

function measureJobs(registry: Registry): Metrics["job"] {
  const failures = new Counter({
    name: "whs_job_failures_total",
    help: "Attempts of jobs that failed.",
    labelNames: ["job"],
    registers: [registry],
  });
  const duration = new Histogram({
    name: "whs_job_duration_seconds",
    help: "Time that an attempt of a job takes.",
    labelNames: ["job"],
    buckets: [0.01, 0.05, 0.25, 1, 5, 30, 120],
    registers: [registry],
  });
  return (job, run) => {
    failures.inc({ job }, 0);
    return async (...args) => {
      const startedAt = performance.now();
      try {
        await run(...args);
      } catch (error) {
        failures.inc({ job });
        throw error;
      } finally {
        duration.observe({ job }, (performance.now() - startedAt) / 1000);
      }
    };
  };
}

/** Shows the streams of this process, looked at when metrics are read. */
export function observeStreams(registry: Registry, streams: { readonly figures: { running: number; readers: number } }): void {
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    });
  registry.registerMetric(gauge("whs_streams_running", "Streams whose agent runs here.", () => streams.figures.running));
  registry.registerMetric(gauge("whs_stream_readers", "Connections that streams are sent to.", () => streams.figures.readers));
}
