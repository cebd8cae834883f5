import type { Agent, RuntimeProviderName } from "@whs/api";
import type { AgentManifest } from "@whs/artifact";
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

/** @throws AppError `LIMIT_EXCEEDED` when the manifest asks for a tool that the plan does not include. */
export function requireTools(context: Pick<Context, "tiers" | "user">, { capabilities }: Pick<AgentManifest, "capabilities">): void {
  const { codeInterpreterEnabled, browserEnabled } = context.tiers[context.user.tier];
  const lacks = [
    ...(capabilities.codeInterpreter === true && !codeInterpreterEnabled ? ["code interpreter"] : []),
    ...(capabilities.browser === true && !browserEnabled ? ["browser"] : []),
  ];
  if (lacks.length === 0) return;
  throw limitExceeded(
    {
      limitType: "runtimeGated",
      periodKey: null,
      current: 0,
      limit: 0,
      suggestedAction: "Upgrade to a plan that includes it, or remove it from the manifest's capabilities.",
    },
    `The ${context.user.tier} plan does not include the ${lacks.join(" and the ")}.`,
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
