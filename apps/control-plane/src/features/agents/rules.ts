import type { Agent, RuntimeProviderName } from "@whs/api";
import { brokenConstraint, conflict, invalidRequest, limitExceeded } from "@whs/platform/errors";
import type { Context } from "../../context.ts";

/** @throws AppError `LIMIT_EXCEEDED` when the plan does not include the runtime. */
export function requireRuntime(context: Pick<Context, "tiers" | "user">, runtimeProvider: RuntimeProviderName): void {
  if (runtimeProvider !== "agentcore" || context.tiers[context.user.tier].agentcoreEnabled) return;
  throw limitExceeded(
    {
      limitType: "runtimeGated",
      periodKey: null,
      current: 0,
      limit: 0,
      suggestedAction: "Upgrade to a plan that includes AgentCore, or use the cloudflare runtime.",
    },
    `The ${context.user.tier} plan does not include the AgentCore runtime.`,
  );
}

interface ProviderConfigBody {
  cloudflare?: NonNullable<Agent["providerConfig"]["cloudflare"]> | undefined;
  agentcore?: NonNullable<Agent["providerConfig"]["agentcore"]> | undefined;
}

/** The block of the agent's own runtime; a block for the other one is refused. */
export function providerConfigFor(runtimeProvider: RuntimeProviderName, body: ProviderConfigBody | undefined): Agent["providerConfig"] {
  const other = runtimeProvider === "cloudflare" ? "agentcore" : "cloudflare";
  if (body?.[other] !== undefined)
    throw invalidRequest([{ fieldName: `providerConfig.${other}`, message: `does not apply: runtimeProvider is ${runtimeProvider}` }]);
  return runtimeProvider === "cloudflare"
    ? { cloudflare: body?.cloudflare ?? {}, agentcore: null }
    : { cloudflare: null, agentcore: body?.agentcore ?? {} };
}

/** Turns a broken unique name into its answer. */
export function nameTaken(error: unknown, name: string): unknown {
  return brokenConstraint(error) === "agents_name_among_the_living"
    ? conflict(`You have an agent named "${name}" already.`, { details: { reason: "nameTaken" } })
    : error;
}
