import { type TelemetryEvent, telemetryEventSchema } from "@whs/api";
import { AppError, invalidRequest } from "@whs/platform/errors";
import { createGroupCommit, type GroupCommit, QueueFullError } from "@whs/platform/db";
import { parseInput } from "@whs/platform/http";
import { idTimeMs, isId } from "@whs/platform/ids";
import { createHash } from "node:crypto";
import type { Dependencies, SystemContext } from "../../context.ts";
import { settleReservations } from "../limits/index.ts";
import { eventIdFor } from "./event-id.ts";
import { type AcceptedEvent, insertEvents, type TelemetryOwner } from "./store.ts";
import { createTelemetryVerifier, type SignedReport, type TelemetryVerifier } from "./verify.ts";

export interface TelemetryIngestion {
  /** @throws AppError */
  ingest(context: SystemContext, report: SignedReport): Promise<{ duplicate: boolean }>;
  /** Counts an invocation by the gateway's own word, until the runtime's event comes. */
  count(event: TelemetryEvent & { eventId: string }): Promise<{ duplicate: boolean }>;
  flush(): Promise<void>;
}

/** How long the first event of a group waits for others, in milliseconds. */
const groupWaitMs = 3;
const maxGroup = 2000;
const maxQueued = 50_000;
/** Events that a runtime kept through an outage count as well. */
const oldestMs = 24 * 3_600_000;
const newestMs = 5 * 60_000;

export function createTelemetryIngestion(dependencies: Dependencies): TelemetryIngestion {
  const verifier: TelemetryVerifier = createTelemetryVerifier({
    db: dependencies.db,
    keys: dependencies.keys,
    now: dependencies.now,
    overlapMs: dependencies.config.telemetryOverlapMs,
  });
  const group: GroupCommit<AcceptedEvent, boolean> = createGroupCommit({
    waitMs: groupWaitMs,
    maxItems: maxGroup,
    maxQueued,
    commit: dependencies.metrics.group("telemetry", async (events) => {
      const inserted = await insertEvents(dependencies.db, events, settleReservations);
      // The same event twice in one group: the first is new, the second is not.
      return events.map(({ eventId }) => inserted.delete(eventId));
    }),
  });
  const add = async (accepted: AcceptedEvent): Promise<{ duplicate: boolean }> => {
    try {
      return { duplicate: !(await group.add(accepted)) };
    } catch (error) {
      if (!(error instanceof QueueFullError)) throw error;
      dependencies.metrics.dropped("telemetry_event");
      throw new AppError("UNAVAILABLE", "Too many events are waiting; send it again.", { cause: error });
    }
  };
  return {
    async ingest(context, report) {
      const owner = await verifier.verify(report);
      const event = parseInput(telemetryEventSchema, parseJson(report.rawBody));
      await requireOwnership(context, owner, event);
      requirePlausibleTime(event.timestamp, context.now());
      if (event.eventId !== undefined) requirePlausibleId(event.eventId, context.now());
      const eventId = event.eventId ?? eventIdFor(event.deploymentId, event.traceId, event.timestamp);
      return add({ eventId, day: dayOf(eventId), event, isFallback: false });
    },
    count: (event) => add({ eventId: event.eventId, day: dayOf(event.eventId), event, isFallback: true }),
    flush: () => group.flush(),
  };
}

/** Both the runtime's event and the gateway's fallback bear the invocation's id, so both are filed under its day. */
function dayOf(eventId: string): string {
  return new Date(idTimeMs(eventId)).toISOString().slice(0, 10);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw invalidRequest([{ fieldName: "", message: "body is not valid JSON" }], { cause });
  }
}

/** The signature says which deployment speaks; it may only speak of itself, its agent and its owner. */
async function requireOwnership(context: SystemContext, owner: TelemetryOwner, event: TelemetryEvent): Promise<void> {
  const matches =
    event.deploymentId === owner.deploymentId &&
    event.agentId === owner.agentId &&
    event.userId === owner.userId &&
    event.runtimeProvider === owner.runtimeProvider;
  if (matches) return;
  await context.writeFor(owner.userId)(
    {
      action: "telemetry.rejected",
      target: owner.deploymentId,
      metadata: {
        claimed: createHash("sha256").update([event.deploymentId, event.agentId, event.userId].join()).digest("hex").slice(0, 16),
      },
    },
    async () => undefined,
  );
  throw new AppError("UNAUTHORIZED", "The event does not belong to the deployment that signed it.");
}

function requirePlausibleId(eventId: string, now: Date): void {
  if (!isId("evt", eventId)) throw invalidRequest([{ fieldName: "eventId", message: "must be an evt_ id, with a UUIDv7 in it" }]);
  requirePlausibleTime(new Date(idTimeMs(eventId)).toISOString(), now, "eventId");
}

function requirePlausibleTime(time: string, now: Date, fieldName = "timestamp"): void {
  const age = now.getTime() - Date.parse(time);
  if (age > oldestMs) throw invalidRequest([{ fieldName, message: "is more than 24 hours ago" }]);
  if (age < -newestMs) throw invalidRequest([{ fieldName, message: "is more than 5 minutes ahead" }]);
}
