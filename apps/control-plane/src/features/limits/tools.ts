import type { Entitlements } from "@whs/api";
import { AppError, limitExceeded } from "@whs/platform/errors";
import type { ToolGrant } from "@whs/runtimes";
import type { Context } from "../../context.ts";
import { readToolsUsed } from "./store.ts";

type ToolBudget = keyof ToolGrant["left"];

const limitOf: Readonly<Record<ToolBudget, (entitlements: Entitlements) => number>> = {
  toolCalls: (entitlements) => entitlements.maxToolCallsPerPeriod,
  codeExecutionSeconds: (entitlements) => entitlements.maxCodeExecutionSecondsPerPeriod,
  browserSessions: (entitlements) => entitlements.maxBrowserSessionsPerPeriod,
};
const words: Readonly<Record<ToolBudget, string>> = {
  toolCalls: "tool calls",
  codeExecutionSeconds: "seconds of code execution",
  browserSessions: "browser sessions",
};

/**
 * The platform's tools for one invocation of an agent whose manifest asks for them: undefined where the plan has none.
 * What is left is what events have counted; invocations at the same time may each use all of it.
 * @throws AppError `LIMIT_EXCEEDED` when a budget is used up, `UNAVAILABLE` when it cannot be read.
 */
export async function grantTools(
  context: Pick<Context, "db" | "user" | "tiers" | "now">,
  wanted: Omit<ToolGrant, "left">,
): Promise<ToolGrant | undefined> {
  const { user, tiers } = context;
  const entitlements = tiers[user.tier];
  const codeInterpreter = wanted.codeInterpreter && entitlements.codeInterpreterEnabled;
  const browser = wanted.browser && entitlements.browserEnabled;
  if (!codeInterpreter && !browser) return undefined;
  const periodKey = context.now().toISOString().slice(0, 7);
  let used;
  try {
    used = await readToolsUsed(context.db, user.id, periodKey);
  } catch (cause) {
    throw new AppError("UNAVAILABLE", "Usage cannot be read now; try again in a moment.", { cause });
  }
  const leftOf = (limitType: ToolBudget): number => {
    const limit = limitOf[limitType](entitlements);
    if (used[limitType] < limit) return limit - used[limitType];
    const suggestedAction = "Upgrade, wait for the next month, or deploy without the tool.";
    throw limitExceeded(
      { limitType, periodKey, current: Math.min(Math.round(used[limitType]), limit), limit, suggestedAction },
      `The ${user.tier} plan's ${limit} ${words[limitType]} for ${periodKey} are used up.`,
    );
  };
  return {
    codeInterpreter,
    browser,
    left: {
      toolCalls: leftOf("toolCalls"),
      codeExecutionSeconds: codeInterpreter ? leftOf("codeExecutionSeconds") : 0,
      browserSessions: browser ? leftOf("browserSessions") : 0,
    },
  };
}
