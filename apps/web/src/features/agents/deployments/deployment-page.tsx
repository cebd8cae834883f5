import { type Deployment, getDeployment, listDeploymentLogs, listDeployments } from "@whs/api";
import { data, type LoaderFunctionArgs, useLoaderData } from "react-router";
import { apiOf } from "../../../api.server.ts";
import { paths } from "../../../paths.ts";
import { useAccount } from "../../../shell/account.ts";
import { ButtonLink } from "../../../ui/button.tsx";
import { Bytes } from "../../../ui/bytes.tsx";
import { CodeBlock } from "../../../ui/code-block.tsx";
import { DescriptionList } from "../../../ui/description-list.tsx";
import { Notice } from "../../../ui/notice.tsx";
import { Pager } from "../../../ui/table.tsx";
import { Time } from "../../../ui/time.tsx";
import { useAgent } from "../agent-frame.tsx";
import { runtimeNames } from "../runtimes.ts";
import { bundleOf } from "./bundle-of.ts";
import { Changes } from "./changes.tsx";
import { DeploymentBadge } from "./deployment-badge.tsx";
import { Files } from "./files.tsx";
import { loadFiles } from "./load-files.server.ts";
import { LogLines } from "./log-lines.tsx";
import { useFollow } from "./use-follow.ts";

/** The deployment, the end of its log, and the versions it can be compared with. Query: `against`, a version; `file`, a path; `cursor`, of the log. */
export async function loader(args: LoaderFunctionArgs) {
  const api = apiOf(args);
  const { agentId = "", deploymentId = "" } = args.params;
  const search = new URL(args.request.url).searchParams;
  const { deployment } = await api.call(getDeployment, { id: deploymentId });
  if (deployment.agentId !== agentId) throw data(null, { status: 404 });
  const cursor = search.get("cursor");
  // After the deployment: a log that is read before may lack the lines that ended it.
  const [log, { items }] = await Promise.all([
    api.call(listDeploymentLogs, { id: deploymentId, limit: 100, ...(cursor === null ? {} : { cursor }) }),
    api.call(listDeployments, { id: agentId, limit: 100 }),
  ]);
  const others = items.filter(({ id, manifest }) => id !== deploymentId && manifest !== null);
  const against = chosen(others, deployment, Number(search.get("against")));
  const hasBundle = deployment.status !== "deploying" && deployment.manifest !== null;
  return {
    deployment,
    lines: log.lines.toReversed(),
    nextCursor: log.nextCursor,
    others: others.map(({ version }) => version),
    against,
    files: hasBundle ? await loadFiles(api, { deployment, against, path: search.get("file") }) : null,
  };
}

/** The version that was asked for, or the one before. */
function chosen(others: readonly Deployment[], deployment: Deployment, version: number): Deployment | null {
  return others.find((other) => other.version === version) ?? others.find((other) => other.version < deployment.version) ?? null;
}

export default function DeploymentPage() {
  const { deployment, lines, nextCursor, others, against, files } = useLoaderData<typeof loader>();
  const agent = useAgent();
  const serves = agent.activeDeploymentId === deployment.id;
  useFollow(deployment.status === "deploying");
  return (
    <div className="flex flex-col gap-8">
      <section aria-labelledby="deployment">
        <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
          <div className="flex flex-wrap items-center gap-3" role="status">
            <h2 id="deployment" className="text-lg font-semibold">
              Version {deployment.version}
            </h2>
            <DeploymentBadge status={deployment.status} serves={serves} />
          </div>
          {!serves && (deployment.status === "active" || deployment.status === "rolled_back") && (
            <ButtonLink to={paths.activateDeployment(agent.id, deployment.id)}>Activate</ButtonLink>
          )}
        </div>
        {deployment.errorMessage !== null && (
          <div className="mb-4">
            <Notice tone="bad">
              <p className="font-medium">This deployment failed.</p>
              <p className="mt-1 whitespace-pre-wrap">{deployment.errorMessage}</p>
            </Notice>
          </div>
        )}
        <Facts deployment={deployment} />
      </section>
      <section aria-labelledby="log">
        <h2 id="log" className="mb-3 text-lg font-semibold">
          Log
        </h2>
        <LogLines lines={lines} underWay={deployment.status === "deploying"} />
        <Pager next={nextCursor} />
      </section>
      {deployment.manifest !== null && <Changes deployment={deployment} against={against} others={others} />}
      {files !== null && <Files files={files} compared={against !== null} />}
      {deployment.manifest !== null && (
        <section aria-labelledby="manifest">
          <h2 id="manifest" className="mb-3 text-lg font-semibold">
            Manifest
          </h2>
          <CodeBlock label="agent.config.json" code={JSON.stringify(deployment.manifest, null, 2)} />
        </section>
      )}
    </div>
  );
}

function Facts({ deployment }: { deployment: Deployment }) {
  const { user } = useAccount();
  const { source } = deployment.artifact;
  const bundle = bundleOf(deployment);
  return (
    <div className="rounded-lg border border-line bg-surface p-5">
      <DescriptionList
        entries={[
          { term: "Begun", value: <Time value={deployment.createdAt} /> },
          { term: "Ended", value: deployment.finishedAt === null ? "Still running" : <Time value={deployment.finishedAt} /> },
          { term: "By", value: deployment.deployedBy === user.id ? "You" : deployment.deployedBy },
          { term: "Runtime", value: runtimeNames[deployment.runtimeProvider] },
          ...("githubUrl" in source ? [{ term: "Repository", value: `${source.githubUrl} at ${source.ref}` }] : []),
          ...(deployment.commitHash === null ? [] : [{ term: "Commit", value: <Code>{deployment.commitHash}</Code> }]),
          { term: "Bundle", value: bundle === null ? "Not fetched" : <Bytes value={bundle.sizeBytes} /> },
          { term: "Checksum", value: bundle === null ? "None" : <Code>{bundle.checksum}</Code> },
          { term: "Deployment id", value: <Code>{deployment.id}</Code> },
        ]}
      />
    </div>
  );
}

function Code({ children }: { children: string }) {
  return <code className="font-mono text-sm">{children}</code>;
}
