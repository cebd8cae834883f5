import { paths } from "../../paths.ts";

/** The tabs of an agent's page: an entry for every one that exists, in the order of the list. */
export function agentTabs(agentId: string): { label: string; to: string }[] {
  return [
    { label: "Overview", to: paths.agent(agentId) },
    { label: "Deployments", to: paths.deployments(agentId) },
    { label: "Playground", to: paths.playground(agentId) },
    { label: "Sessions", to: paths.sessions(agentId) },
    { label: "Logs", to: paths.agentLogs(agentId) },
    { label: "Errors", to: paths.agentErrors(agentId) },
    { label: "Metrics", to: paths.agentMetrics(agentId) },
    { label: "Secrets", to: paths.secrets(agentId) },
    { label: "Settings", to: paths.agentSettings(agentId) },
  ];
}
