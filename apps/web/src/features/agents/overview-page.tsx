import { type Deployment, getDeployment } from "@whs/api";
import { type LoaderFunctionArgs, useLoaderData } from "react-router";
import { getAgent } from "@whs/api";
import { apiOf } from "../../api.server.ts";
import { appContext } from "../../context.ts";
import { DescriptionList } from "../../ui/description-list.tsx";
import { Notice } from "../../ui/notice.tsx";
import { Time } from "../../ui/time.tsx";
import { useAgent } from "./agent-frame.tsx";
import { runtimeNames } from "./runtimes.ts";
import { SnippetTabs } from "./snippet-tabs.tsx";
import { snippetsFor } from "./snippets.ts";
import { StatusBadge } from "./status-badge.tsx";

export async function loader(args: LoaderFunctionArgs) {
  const api = apiOf(args);
  const { agent } = await api.call(getAgent, { id: args.params["agentId"] ?? "" });
  const active = agent.activeDeploymentId === null ? null : await api.call(getDeployment, { id: agent.activeDeploymentId });
  return { active: active?.deployment ?? null, snippets: snippetsFor(agent, args.context.get(appContext).config.whsPublicUrl) };
}

export default function OverviewPage() {
  const agent = useAgent();
  const { active, snippets } = useLoaderData<typeof loader>();
  return (
    <div className="flex flex-col gap-8">
      {agent.status === "disabled" && (
        <Notice tone="warn">This agent is disabled: every invocation is refused until it is enabled again.</Notice>
      )}
      <section aria-labelledby="state" className="rounded-lg border border-line bg-surface p-5">
        <h2 id="state" className="mb-4 text-lg font-semibold">
          State
        </h2>
        <DescriptionList
          entries={[
            { term: "Status", value: <StatusBadge status={agent.status} /> },
            { term: "Runtime", value: runtimeNames[agent.runtimeProvider] },
            { term: "Active deployment", value: <ActiveDeployment active={active} /> },
            { term: "Agent id", value: <code className="font-mono text-sm">{agent.id}</code> },
            { term: "Environment", value: agent.envVarKeys.length === 0 ? "No variables" : agent.envVarKeys.join(", ") },
            { term: "Created", value: <Time value={agent.createdAt} /> },
          ]}
        />
      </section>
      <SnippetTabs title={active === null ? "Call it once it is deployed" : "Call it"} snippets={snippets} />
    </div>
  );
}

function ActiveDeployment({ active }: { active: Deployment | null }) {
  if (active === null) return "None";
  return (
    <>
      Version {active.version}
      {active.deployedAt !== null && (
        <>
          {", "}
          <Time value={active.deployedAt} form="relative" />
        </>
      )}
    </>
  );
}
