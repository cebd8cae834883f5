/** What plans differ in, in the words of the pages. */
import type { Entitlements, Plan, Tier } from "@whs/api";

export const tierNames: Readonly<Record<Tier, string>> = { free: "Free", starter: "Starter", pro: "Pro", enterprise: "Enterprise" };

type Switch = { [Key in keyof Entitlements]: Entitlements[Key] extends boolean ? Key : never }[keyof Entitlements];

export interface Capability {
  key: Switch;
  name: string;
  about: string;
}

/** What a plan has or has not. */
export const capabilities: readonly Capability[] = [
  { key: "agentcoreEnabled", name: "Bedrock AgentCore", about: "Agents that run in a container per session." },
  { key: "memoryEnabled", name: "Memory", about: "What an AgentCore agent keeps between sessions." },
  { key: "codeInterpreterEnabled", name: "Code interpreter", about: "Code that an AgentCore agent writes runs in a sandbox." },
  { key: "browserEnabled", name: "Browser", about: "A browser that an AgentCore agent drives." },
];

/** The smallest plan that has it; undefined where none does. Plans come from the smallest to the largest. */
export function firstPlanWith(plans: readonly Plan[], key: Switch): Plan | undefined {
  return plans.find(({ entitlements }) => entitlements[key]);
}
