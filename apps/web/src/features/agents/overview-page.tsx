import { type Deployment, getDeployment } from "@whs/api";
import { type LoaderFunctionArgs, useLoaderData } from "react-router";
import { getAgent } from "@whs/api";
import { apiOf } from "../../api.server.ts";
import { appContext } from "../../context.ts";
import { CodeBlock } from "../../ui/code-block.tsx";
import { DescriptionList } from "../../ui/description-list.tsx";
import { Notice } from "../../ui/notice.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { Time } from "../../ui/time.tsx";
import { useAgent } from "./agent-frame.tsx";
import { runtimeNames } from "./runtimes.ts";
import { snippetsFor } from "./snippets.ts";
import { StatusBadge } from "./status-badge.tsx";

export async function loader(args: LoaderFunctionArgs) {
  const api = apiOf(args);
  const { agent } = await api.call(getAgent, { id: args.params["agentId"] ?? "" });
  const active = agent.activeDeploymentId === null ? null : await api.call(getDeployment, { id: agent.activeDeploymentId });
  return { active: active?.deployment ?? null, apiUrl: args.context.get(appContext).config.whsPublicUrl };
}

export default function OverviewPage() {
  const agent = useAgent();
  const { active, apiUrl } = useLoaderData<typeof loader>();
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
      <section aria-labelledby="call">
        <h2 id="call" className="mb-1 text-lg font-semibold">
          {active === null ? "Call it once it is deployed" : "Call it"}
        </h2>
        <p className="mb-3 max-w-prose text-muted">
          Each reads an API token from <code className="font-mono text-sm">WHS_API_TOKEN</code>.
        </p>
        <Tabs
          label="Ways to call the agent"
          tabs={snippetsFor(agent, apiUrl).map(({ key, label, code }) => ({
            key,
            label,
            content: <CodeBlock label={label} code={code} />,
          }))}
        />
      </section>
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
