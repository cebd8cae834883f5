import type { Entitlements, Plan, Tier } from "@whs/api";
import { describe, expect, test } from "vitest";
import { isSmaller, lossesOf } from "./compare.ts";

const entitlements: Entitlements = {
  maxRequestsPerPeriod: 100,
  maxTokensPerPeriod: 100,
  maxComputeMsPerPeriod: 100,
  agentcoreEnabled: false,
  memoryEnabled: false,
  codeInterpreterEnabled: false,
  browserEnabled: false,
  maxToolCallsPerPeriod: 0,
  maxCodeExecutionSecondsPerPeriod: 0,
  maxBrowserSessionsPerPeriod: 0,
  telemetryRetentionDays: 7,
  logsRetentionDays: 7,
  maxAgents: 5,
  maxConcurrentInvocations: 5,
  maxRequestsPerSecond: 10,
};
const plan = (tier: Tier, changes: Partial<Entitlements> = {}): Plan => ({
  tier,
  entitlements: { ...entitlements, ...changes },
  isSold: true,
});
const pro = plan("pro", { maxRequestsPerPeriod: 1000, agentcoreEnabled: true, logsRetentionDays: 30 });

describe("a smaller plan", () => {
  test("says which budgets are used up already, what is gone and what is deleted", () => {
    expect(lossesOf(pro, plan("starter"), { requests: 100, tokens: 99, computeMs: 0 })).toEqual([
      expect.stringContaining("more requests than the plan allows"),
      "Bedrock AgentCore is not part of it.",
      "Logs older than 7 days are deleted.",
    ]);
  });

  test("takes nothing where it has as much", () => {
    expect(lossesOf(pro, pro, { requests: 999, tokens: 0, computeMs: 0 })).toEqual([]);
  });

  test("is smaller than those that cost more, and than no other", () => {
    expect([isSmaller("free", "starter"), isSmaller("pro", "pro"), isSmaller("enterprise", "pro")]).toEqual([true, false, false]);
  });
});
