import type { Scope } from "@whs/api";

/** What a scope allows. */
export const scopeWords: Readonly<Record<Scope, string>> = {
  "agents:read": "See agents and their deployments and logs",
  "agents:write": "Create, change, disable and delete agents",
  "deployments:write": "Upload bundles, deploy and roll back",
  "secrets:write": "Set and delete agents’ secrets; nothing reads them",
  invoke: "Invoke agents, which counts against the plan",
  "usage:read": "See usage, metrics, errors and traces",
  "billing:write": "Start checkouts and manage the subscription",
  "tokens:write": "Create and revoke API tokens",
  "installs:write": "Install agents from the marketplace",
  "audit:read": "Read the audit log",
};
