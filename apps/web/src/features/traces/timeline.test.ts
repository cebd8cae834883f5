import { expect, test } from "vitest";
import { timelineOf, type TraceItem } from "./timeline.ts";

const item: TraceItem = {
  invocation: {
    id: "evt_1",
    agentId: "agt_1",
    deploymentId: "dep_1",
    startedAt: "2026-11-21T10:00:00.000Z",
    durationMs: 120,
    statusCode: 502,
    errorCode: "RUNTIME_ERROR",
    errorMessage: "The agent failed.",
  },
  telemetry: null,
  logs: [
    { timestamp: "2026-11-21T10:00:00.050Z", level: "info", source: "agent", message: "first" },
    { timestamp: "2026-11-21T10:00:00.120Z", level: "error", source: "agent", message: "last" },
  ],
};

test("a time line goes from the request over what was logged to the answer", () => {
  expect(timelineOf(item).map(({ offsetMs, source, text }) => [offsetMs, source, text])).toEqual([
    [0, "gateway", "The request was accepted"],
    [50, "log", "first"],
    [120, "log", "last"],
    [120, "gateway", "The answer was RUNTIME_ERROR (HTTP 502)"],
  ]);
});

test("a line of a clock that runs ahead stands before the request rather than nowhere", () => {
  const logs = [{ timestamp: "2026-11-21T09:59:59.990Z", level: "info" as const, source: "agent" as const, message: "early" }];
  expect(timelineOf({ ...item, logs })[0]).toMatchObject({ offsetMs: -10, text: "early" });
});
