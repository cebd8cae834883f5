import { ApiError, fleetprompt, getDeployment, getMe, updateAgent } from "@whs/api";
import { createHash, randomUUID } from "node:crypto";
import { findAgent } from "../../agents/find-agent.ts";
import type { Api } from "../../api.ts";
import { command, flag, required } from "../../command.ts";
import type { Context } from "../../context.ts";
import { UsageError, UserError } from "../../errors.ts";
import { lookUpOwnListing } from "../../marketplace/find-listing.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";
import { runSteps } from "../../terminal/progress.ts";
import { readMarkdown } from "../listings/options.ts";

export const publish = command({
  path: ["publish"],
  group: "Marketplace",
  summary: "Publish what an agent serves now as a release that others can install",
  args: { agent: required("The agent's name or id, and the version of the release by SemVer: echo@1.2.0") },
  options: {
    listing: { kind: "text", value: "name|id", summary: "Default: the listing named like the agent, which is made where there is none" },
    summary: { kind: "text", value: "text", summary: "What the listing says of it, in one sentence" },
    notes: { kind: "text", value: "file", summary: "Release notes in Markdown" },
    minWhs: { kind: "text", value: "version", summary: "The oldest WHS that can take it" },
    draft: flag("Leave a listing that is not public yet as it is"),
  },
  examples: [["whs publish support-bot@1.0.0 --notes CHANGES.md", "Publish what it serves now as 1.0.0"]],
  async run(context, { args, options }) {
    const [name = "", version] = args.agent.split("@", 2);
    if (version === undefined) throw new UsageError("A release needs a version.", { next: [`whs publish ${name}@1.0.0`] });
    requireVersion("The release's version", version);
    if (options.minWhs !== undefined) requireVersion("--min-whs", options.minWhs);
    const notes = options.notes === undefined ? undefined : readMarkdown(options.notes);
    const { api, output } = context;
    const marketplace = openMarketplace(context);
    const agent = await findAgent(api, name);
    const bundle = await servedBundle(api, agent);
    let listing: fleetprompt.PublisherListing | undefined;
    let release: fleetprompt.PublisherRelease | undefined;
    await runSteps(output, [
      {
        title: `Offering ${agent.name}`,
        async run(report) {
          if (agent.sharing === "private") await api.call(updateAgent, { id: agent.id, body: { sharing: "installable" } });
          listing = await ensureListing(context, marketplace, { ...options, agent: agent.name });
          report.title(`${agent.name} may be installed; its listing is ${listing.name}`);
        },
      },
      {
        title: `Publishing ${version}`,
        async run(report) {
          const { listingId, status } = present(listing);
          ({ release } = await marketplace.call(fleetprompt.publishRelease, {
            id: listingId,
            body: {
              version,
              refs: { whsAgentId: agent.id, whsDeploymentId: bundle.deploymentId },
              artifacts: [{ kind: "source_bundle", sha256: bundle.sha256, sizeBytes: bundle.sizeBytes, download: { mode: "none" } }],
              ...(options.minWhs === undefined ? {} : { compat: { minWHSVersion: options.minWhs } }),
              ...(notes === undefined ? {} : { notes: { format: "markdown", markdown: notes } }),
            },
            // A release is what it says: whoever repeats the command gets the same one.
            idempotencyKey: createHash("sha256").update([listingId, version, bundle.sha256].join("\n")).digest("hex"),
          }));
          if (status === "draft" && !options.draft) {
            await marketplace.call(fleetprompt.changeListingStatus, {
              id: listingId,
              body: { status: "published" },
              idempotencyKey: randomUUID(),
            });
          }
          report.title(`Published ${version}`);
        },
      },
    ]);
    output.answer({ listing, release }, () => `${present(listing).name} ${version} is published.`);
    output.next(`whs install ${present(listing).listingId}`);
  },
});

/** Before anything is changed. @throws UsageError */
function requireVersion(what: string, text: string): void {
  if (fleetprompt.semver.safeParse(text).success) return;
  throw new UsageError(`${what} is "${text}": it must be a version by SemVer 2.0, such as 1.2.0.`);
}

/** @throws UserError when the agent serves nothing, or nothing whose bytes are kept here */
async function servedBundle(
  api: Api,
  agent: { name: string; activeDeploymentId: string | null },
): Promise<{ deploymentId: string; sha256: string; sizeBytes: number }> {
  if (agent.activeDeploymentId === null) {
    throw new UserError(`${agent.name} serves nothing that could be published.`, {
      code: "CONFLICT",
      next: [`whs deploy --agent ${agent.name}`],
    });
  }
  const { deployment } = await api.call(getDeployment, { id: agent.activeDeploymentId });
  const { source } = deployment.artifact;
  if (!("checksum" in source)) {
    throw new UserError(`${agent.name} was deployed from a repository; only an uploaded bundle can be published.`, {
      code: "CONFLICT",
      next: [`whs deploy --agent ${agent.name}`],
    });
  }
  return { deploymentId: deployment.id, sha256: source.checksum.replace(/^sha256:/, ""), sizeBytes: source.sizeBytes };
}

async function ensureListing(
  { api }: Context,
  marketplace: Api,
  { listing, summary, agent }: { listing: string | undefined; summary: string | undefined; agent: string },
): Promise<fleetprompt.PublisherListing> {
  await ensurePublisher(api, marketplace);
  const found = await lookUpOwnListing(marketplace, listing ?? agent);
  if (found !== undefined) {
    if (summary === undefined || summary === found.summary) return found;
    await marketplace.call(fleetprompt.updateListing, { id: found.listingId, body: { summary } });
    return { ...found, summary };
  }
  if (listing?.startsWith("lst_") === true) throw new UserError(`You have no listing "${listing}".`, { code: "NOT_FOUND" });
  const created = await marketplace.call(fleetprompt.createListing, {
    body: { assetKind: "whs_agent", name: listing ?? agent, ...(summary === undefined ? {} : { summary }) },
    idempotencyKey: randomUUID(),
  });
  return created.listing;
}

/** Who publishes for the first time gets a profile with their own name; changing it is for the profile itself. */
async function ensurePublisher(api: Api, marketplace: Api): Promise<void> {
  if (await mayPublish(marketplace)) return;
  const { user } = await api.call(getMe, {});
  const displayName = (user.name ?? user.email?.split("@", 1)[0] ?? "Publisher").trim().slice(0, 80);
  const { publisher } = await marketplace.call(fleetprompt.saveProfile, { body: { displayName }, idempotencyKey: randomUUID() });
  if (!publisher.approved) {
    throw new UserError("Your publisher profile waits for the operator's approval.", {
      code: "UNAUTHORIZED",
      next: ["try again once it is approved"],
    });
  }
}

async function mayPublish(marketplace: Api): Promise<boolean> {
  try {
    await marketplace.call(fleetprompt.listOwnListings, { limit: 1 });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === "UNAUTHORIZED") return false;
    throw error;
  }
}

/** Steps run in order: what an earlier one has made is there. */
function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("A step ran before the one it needs.");
  return value;
}
