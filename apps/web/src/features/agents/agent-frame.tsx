import { getAgent } from "@whs/api";
import { type LoaderFunctionArgs, Outlet, useLoaderData, useRouteLoaderData } from "react-router";
import { apiOf } from "../../api.server.ts";
import { PageProblem } from "../../shell/page-problem.tsx";
import { Badge } from "../../ui/badge.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { TabLinks } from "../../ui/tabs.tsx";
import { runtimeNames } from "./runtimes.ts";
import { StatusBadge } from "./status-badge.tsx";
import { agentTabs } from "./tabs.ts";

export async function loader(args: LoaderFunctionArgs) {
  const { agent } = await apiOf(args).call(getAgent, { id: args.params["agentId"] ?? "" });
  return { agent };
}

/** The agent, for its tabs. */
export function useAgent() {
  const loaded = useRouteLoaderData<typeof loader>("features/agents/agent-frame");
  if (loaded === undefined) throw new Error("useAgent is for the tabs of an agent's page.");
  return loaded.agent;
}

export default function AgentFrame() {
  const { agent } = useLoaderData<typeof loader>();
  return (
    <>
      <title>{`${agent.name} – WebHost Systems`}</title>
      <PageHeader
        title={agent.name}
        description={
          <div className="flex flex-wrap items-center gap-2">
            <StatusBadge status={agent.status} />
            <Badge>{runtimeNames[agent.runtimeProvider]}</Badge>
            {agent.description !== null && <p>{agent.description}</p>}
          </div>
        }
      />
      <TabLinks label="Agent" tabs={agentTabs(agent.id)} />
      <Outlet />
    </>
  );
}

/** A tab that fails leaves no half of a page; an agent that is not there is the usual case. */
export function ErrorBoundary() {
  return <PageProblem />;
}
