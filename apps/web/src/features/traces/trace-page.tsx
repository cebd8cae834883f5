import { getAgent, getDeployment, getTrace } from "@whs/api";
import { Link, type LoaderFunctionArgs, useLoaderData } from "react-router";
import { type Api, apiOf } from "../../api.server.ts";
import { paths } from "../../paths.ts";
import { PageHeader } from "../../ui/page-header.tsx";
import { Invocation } from "./invocation.tsx";

export async function loader(args: LoaderFunctionArgs) {
  const api = apiOf(args);
  const traceId = args.params["traceId"] ?? "";
  const { items } = await api.call(getTrace, { traceId });
  return { traceId, items: await Promise.all(items.map(async (item) => ({ ...item, ...(await namesOf(api, item.invocation)) }))) };
}

/** An agent may be gone, its traces are not. */
async function namesOf(api: Api, { agentId, deploymentId }: { agentId: string; deploymentId: string }) {
  const [agent, deployment] = await Promise.all([api.attempt(getAgent, { id: agentId }), api.attempt(getDeployment, { id: deploymentId })]);
  return {
    agentName: agent.ok ? agent.answer.agent.name : null,
    version: deployment.ok ? deployment.answer.deployment.version : null,
  };
}

export default function TracePage() {
  const { traceId, items } = useLoaderData<typeof loader>();
  const names = [...new Map(items.map(({ agentName, invocation }) => [invocation.agentId, agentName]))];
  return (
    <>
      <title>{`Trace ${traceId} – WebHost Systems`}</title>
      <PageHeader
        title="Trace"
        description={
          <>
            <p className="font-mono text-sm">{traceId}</p>
            <p>
              {items.length === 1 ? "One invocation" : `${items.length} invocations, newest first`}
              {names.map(([id, name]) => (
                <span key={id}>
                  {", "}
                  {name === null ? (
                    "agent deleted"
                  ) : (
                    <Link to={paths.agent(id)} className="text-accent underline">
                      {name}
                    </Link>
                  )}
                </span>
              ))}
            </p>
          </>
        }
      />
      <div className="flex flex-col gap-6">
        {items.map((item, position) => (
          <Invocation key={item.invocation.id} item={item} title={`Invocation ${items.length - position}`} />
        ))}
      </div>
    </>
  );
}
