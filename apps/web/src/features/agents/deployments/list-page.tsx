import { createDeployment, type Deployment, listDeployments } from "@whs/api";
import { type ActionFunctionArgs, Link, type LoaderFunctionArgs, redirect, useActionData, useLoaderData } from "react-router";
import { apiOf } from "../../../api.server.ts";
import { textOf } from "../../../form-text.ts";
import { paths } from "../../../paths.ts";
import { useAccount } from "../../../shell/account.ts";
import { EmptyState } from "../../../ui/empty-state.tsx";
import { type Column, Pager, Table } from "../../../ui/table.tsx";
import { Time } from "../../../ui/time.tsx";
import { useAgent } from "../agent-frame.tsx";
import { DeployForm } from "./deploy-form.tsx";
import { DeploymentBadge } from "./deployment-badge.tsx";
import { RepositoryForm } from "./repository-form.tsx";
import { useFollow } from "./use-follow.ts";

export async function loader(args: LoaderFunctionArgs) {
  const cursor = new URL(args.request.url).searchParams.get("cursor");
  const page = { id: args.params["agentId"] ?? "", limit: 25, ...(cursor === null ? {} : { cursor }) };
  const { items, nextCursor } = await apiOf(args).call(listDeployments, page);
  return { items, nextCursor, idempotencyKey: crypto.randomUUID() };
}

/** Deploys from a repository. */
export async function action(args: ActionFunctionArgs) {
  const { agentId = "" } = args.params;
  const form = await args.request.formData();
  const created = await apiOf(args).attempt(createDeployment, {
    id: agentId,
    body: {
      artifact: { type: "repo_ref", githubUrl: textOf(form, "githubUrl") ?? "", ref: textOf(form, "ref") ?? "" },
      setAsActive: form.has("activate"),
    },
    idempotencyKey: textOf(form, "idempotencyKey") ?? crypto.randomUUID(),
  });
  if (!created.ok) return { problem: created.problem };
  throw redirect(paths.deployment(agentId, created.answer.deployment.id));
}

export default function DeploymentsPage() {
  const { items, nextCursor, idempotencyKey } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  const agent = useAgent();
  const { user } = useAccount();
  useFollow(items.some(({ status }) => status === "deploying"));
  return (
    <div className="flex flex-col gap-8">
      <div className="flex flex-col gap-6">
        <DeployForm agentId={agent.id} />
        <RepositoryForm problem={problem} idempotencyKey={idempotencyKey} />
      </div>
      <section aria-labelledby="history">
        <h2 id="history" className="mb-3 text-lg font-semibold">
          History
        </h2>
        {items.length === 0 ? (
          <EmptyState title="No deployments yet">Each bundle that is deployed becomes a version, which can serve again later.</EmptyState>
        ) : (
          <>
            <Table caption="Deployments" columns={columnsFor(agent, user.id)} rows={items} rowKey={(deployment) => deployment.id} />
            <Pager next={nextCursor} />
          </>
        )}
      </section>
    </div>
  );
}

function columnsFor(agent: { id: string; activeDeploymentId: string | null }, userId: string): Column<Deployment>[] {
  return [
    {
      key: "version",
      label: "Version",
      cell: ({ id, version }) => (
        <Link to={paths.deployment(agent.id, id)} className="font-medium text-accent hover:underline">
          Version {version}
        </Link>
      ),
    },
    {
      key: "status",
      label: "Status",
      cell: ({ id, status }) => <DeploymentBadge status={status} serves={id === agent.activeDeploymentId} />,
    },
    { key: "createdAt", label: "When", cell: ({ createdAt }) => <Time value={createdAt} form="relative" /> },
    {
      key: "deployedBy",
      label: "By",
      cell: ({ deployedBy }) => (deployedBy === userId ? "You" : <code className="font-mono text-sm">{deployedBy}</code>),
      optional: true,
    },
    {
      key: "activate",
      label: "Action",
      cell: ({ id, status, version }) =>
        id !== agent.activeDeploymentId &&
        (status === "active" || status === "rolled_back") && (
          <Link to={paths.activateDeployment(agent.id, id)} className="text-accent hover:underline">
            Activate<span className="sr-only"> version {version}</span>
          </Link>
        ),
    },
  ];
}
