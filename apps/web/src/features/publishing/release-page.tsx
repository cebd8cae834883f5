import { fleetprompt, getDeployment, listAgents, listDeployments, updateAgent } from "@whs/api";
import { type ActionFunctionArgs, Form, type LoaderFunctionArgs, useActionData, useLoaderData, useNavigation } from "react-router";
import { apiOf, type Attempt, marketplaceOf, type PageArgs, requireSession } from "../../api.server.ts";
import { redirectWith } from "../../flash.server.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { invalid } from "../../problem.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { MarkdownField } from "./markdown-field.tsx";
import { bundleOf } from "./release-bundle.ts";

export const meta = () => [{ title: "Publish a release – WebHost Systems" }];

export async function loader(args: LoaderFunctionArgs) {
  requireSession(args);
  const { listing } = await marketplaceOf(args).call(fleetprompt.getOwnListing, { id: args.params["listingId"] ?? "" });
  const agents = listing.assetKind === "whs_agent" ? (await apiOf(args).call(listAgents, { limit: 100 })).items : [];
  const agentId = new URL(args.request.url).searchParams.get("agentId") ?? agents.find((agent) => agent.activeDeploymentId !== null)?.id;
  const deployments = agentId === undefined || agentId === "" ? [] : await deploymentsOf(args, agentId);
  return {
    listing,
    agents: agents.map(({ id, name }) => ({ id, name })),
    agentId: agentId ?? null,
    deployments,
    idempotencyKey: crypto.randomUUID(),
  };
}

/** Those that have served, and whose bytes WHS keeps. */
async function deploymentsOf(args: PageArgs, agentId: string) {
  const { items } = await apiOf(args).call(listDeployments, { id: agentId, limit: 25 });
  return items.flatMap((deployment) =>
    bundleOf(deployment) === undefined || deployment.deployedAt === null ? [] : [{ id: deployment.id, version: deployment.version }],
  );
}

export async function action(args: ActionFunctionArgs) {
  const id = args.params["listingId"] ?? "";
  const form = await args.request.formData();
  const what = await contentOf(args, form);
  if (!what.ok) return { problem: what.problem };
  const version = textOf(form, "version") ?? "";
  const minWHSVersion = textOf(form, "minWHSVersion");
  const published = await marketplaceOf(args).attempt(fleetprompt.publishRelease, {
    id,
    body: {
      version,
      ...what.answer,
      ...(minWHSVersion === undefined ? {} : { compat: { minWHSVersion } }),
      notes: { format: "markdown", markdown: textOf(form, "notes") ?? "" },
    },
    idempotencyKey: textOf(form, "idempotencyKey") ?? crypto.randomUUID(),
  });
  if (!published.ok) return { problem: published.problem };
  return redirectWith(args.context, paths.ownListing(id), `Release ${version} is published.`);
}

interface Content {
  refs: fleetprompt.ReleaseRefs;
  artifacts: fleetprompt.ReleaseArtifact[];
}

/** What the release refers to: a deployment's bytes, which others may install from now on, or a thing of another system. */
async function contentOf(args: PageArgs, form: FormData): Promise<Attempt<Content>> {
  const workflow = textOf(form, "agentromaticWorkflowId");
  if (workflow !== undefined) return { ok: true, answer: { refs: { agentromaticWorkflowId: workflow }, artifacts: [] } };
  const specAsset = textOf(form, "specAssetId");
  if (specAsset !== undefined) return { ok: true, answer: { refs: { specAssetId: specAsset }, artifacts: [] } };
  const deploymentId = textOf(form, "deploymentId");
  if (deploymentId === undefined) return { ok: false, problem: invalid({ deploymentId: "Choose what is released." }) };
  const api = apiOf(args);
  const { deployment } = await api.call(getDeployment, { id: deploymentId });
  const bundle = bundleOf(deployment);
  if (bundle === undefined) return { ok: false, problem: invalid({ deploymentId: "This deployment has no bundle of its own." }) };
  const shared = await api.attempt(updateAgent, { id: deployment.agentId, body: { sharing: "installable" } });
  if (!shared.ok) return shared;
  return {
    ok: true,
    answer: {
      refs: { whsAgentId: deployment.agentId, whsDeploymentId: deployment.id },
      artifacts: [{ kind: "source_bundle", ...bundle, download: { mode: "none" } }],
    },
  };
}

const FOREIGN_REFS = { agentromatic_workflow: "agentromaticWorkflowId", spec_asset: "specAssetId" } as const;

export default function ReleasePage() {
  const { listing, agents, agentId, deployments, idempotencyKey } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  const pending = useNavigation().state === "submitting";
  const isAgent = listing.assetKind === "whs_agent";
  return (
    <>
      <PageHeader
        title={`Publish a release of ${listing.name}`}
        description="A release never changes. Whoever installs it gets exactly these bytes, and none of your secrets."
      />
      {isAgent && (
        <Form method="get" className="mb-5 flex max-w-2xl items-end gap-3">
          <div className="min-w-0 flex-1">
            <SelectField
              label="Agent"
              name="agentId"
              defaultValue={agentId ?? ""}
              options={agents.map(({ id, name }) => ({ value: id, label: name }))}
            />
          </div>
          <Button type="submit">Show its deployments</Button>
        </Form>
      )}
      <Form method="post" className="flex flex-col gap-5">
        <ProblemNotice problem={problem} />
        <input type="hidden" name="idempotencyKey" value={idempotencyKey} />
        {listing.assetKind === "whs_agent" ? (
          <SelectField
            label="Deployment"
            name="deploymentId"
            hint="Its agent becomes installable: others may make agents of these bytes."
            error={problem?.fields["deploymentId"]}
            options={deployments.map(({ id, version }) => ({ value: id, label: `Deployment ${version}` }))}
          />
        ) : (
          <TextField
            label="Id in its system"
            name={FOREIGN_REFS[listing.assetKind]}
            required
            maxLength={200}
            error={problem?.fields[`refs.${FOREIGN_REFS[listing.assetKind]}`]}
          />
        )}
        <TextField label="Version" name="version" required placeholder="1.0.0" hint="By SemVer 2.0." error={problem?.fields["version"]} />
        {isAgent && (
          <TextField
            label="Least version of WHS (optional)"
            name="minWHSVersion"
            placeholder="1.0.0"
            error={problem?.fields["compat.minWHSVersion"]}
          />
        )}
        <MarkdownField label="Notes" name="notes" maxLength={10_000} error={problem?.fields["notes.markdown"]} />
        <div className="flex flex-wrap gap-2">
          <Button type="submit" look="primary" pending={pending} disabled={isAgent && deployments.length === 0}>
            Publish release
          </Button>
          <ButtonLink to={paths.ownListing(listing.listingId)}>Cancel</ButtonLink>
        </div>
        {isAgent && deployments.length === 0 && <p className="text-muted">This agent has no deployment whose bytes could be released.</p>}
      </Form>
    </>
  );
}
