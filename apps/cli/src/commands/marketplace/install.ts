import { createInstall, fleetprompt, getRuntimeStack } from "@whs/api";
import { randomUUID } from "node:crypto";
import { command, flag, required } from "../../command.ts";
import type { Context } from "../../context.ts";
import type { Api } from "../../api.ts";
import { describeFailure, waitForDeployment } from "../../deploy/wait-for-deployment.ts";
import { UserError } from "../../errors.ts";
import { findPublishedListing } from "../../marketplace/find-listing.ts";
import { openMarketplace } from "../../marketplace/marketplace-api.ts";
import { runSteps } from "../../terminal/progress.ts";

const TIMEOUT_MS = 300_000;

export const install = command({
  path: ["install"],
  group: "Marketplace",
  summary: "Install an agent of the marketplace as one of your own",
  args: { listing: required("A listing's name or id; @version for another release than the newest that fits") },
  options: {
    name: { kind: "text", value: "name", summary: "What your agent is called; default: the listing's name" },
    noWait: flag("Do not wait until it serves"),
  },
  examples: [
    ["whs install support-bot", "The newest release that fits this stack"],
    ["whs install support-bot@1.2.0 --name helpdesk", "One release, under another name"],
  ],
  async run(context, { args, options }) {
    const { api, output } = context;
    const marketplace = openMarketplace(context);
    const { listing: named, version } = splitVersion(args.listing);
    const listing = await findPublishedListing(marketplace, named);
    const release = await chooseRelease(context, marketplace, listing, version);
    let answer: Awaited<ReturnType<typeof redeem>> | undefined;
    await runSteps(output, [
      {
        title: `Installing ${listing.name} ${release.version}`,
        async run(report) {
          answer = await redeem(api, marketplace, { listingId: listing.listingId, releaseId: release.releaseId, name: options.name });
          report.title(`Installed ${listing.name} ${release.version} as ${answer.agent.name}`);
          if (answer.deployment === undefined || options.noWait) return;
          report.detail("deploying");
          const { deployment } = await waitForDeployment(api, answer.deployment.id, TIMEOUT_MS);
          if (deployment.status === "failed") throw await describeFailure(api, deployment, answer.agent.name);
          answer = { ...answer, deployment };
        },
      },
    ]);
    if (answer === undefined) throw new Error("The install has no answer.");
    const { agent, missingSecrets } = answer;
    output.answer(answer, () =>
      missingSecrets.length > 0
        ? `${agent.name} needs ${missingSecrets.join(", ")}, and serves as soon as ${missingSecrets.length === 1 ? "it is" : "they are"} set.`
        : `${agent.name} is yours, and ${answer?.deployment?.status === "active" ? "serves" : "is on its way"}.`,
    );
    if (missingSecrets.length > 0) output.next(...missingSecrets.map((key) => `whs secrets set ${agent.name} ${key}`));
    else output.next(`whs invoke ${agent.name} "Hello"`);
  },
});

function splitVersion(text: string): { listing: string; version: string | undefined } {
  const at = text.lastIndexOf("@");
  return at <= 0 ? { listing: text, version: undefined } : { listing: text.slice(0, at), version: text.slice(at + 1) };
}

interface Release {
  releaseId: string;
  version: string;
}

/** The release that was asked for, or the newest that fits the stack that runs now. @throws UserError that says why none does */
async function chooseRelease(
  { api, output }: Context,
  marketplace: Api,
  listing: { listingId: string; name: string },
  version: string | undefined,
): Promise<Release> {
  if (version !== undefined) {
    const release = await findRelease(marketplace, listing.listingId, version);
    if (release !== undefined) return release;
    throw new UserError(`${listing.name} has no release ${version}.`, {
      code: "NOT_FOUND",
      next: [`whs listings releases ${listing.listingId}`],
    });
  }
  const { components } = await api.call(getRuntimeStack, {});
  const gateway = components.find(({ name }) => name === "gateway");
  const { chosen, rejected } = await marketplace.call(fleetprompt.getInstallPlan, {
    id: listing.listingId,
    targetSystem: "whs",
    ...(gateway?.version == null ? {} : { whsVersion: gateway.version }),
  });
  const reasons = rejected.map((release) => `${release.version}: ${release.reasons.join("; ")}`);
  if (chosen === null) throw new UserError(`No release of ${listing.name} fits this stack.`, { code: "CONFLICT", details: reasons });
  for (const reason of reasons) output.note(output.noteStyle.dim(`Passed over ${reason}`));
  return chosen;
}

async function findRelease(marketplace: Api, listingId: string, version: string): Promise<Release | undefined> {
  let cursor: string | null = null;
  do {
    const page: { items: Release[]; nextCursor: string | null } = await marketplace.call(fleetprompt.listPublicReleases, {
      listingId,
      limit: 200,
      ...(cursor === null ? {} : { cursor }),
    });
    const found = page.items.find((release) => release.version === version);
    if (found !== undefined) return found;
    cursor = page.nextCursor;
  } while (cursor !== null);
  return undefined;
}

async function redeem(api: Api, marketplace: Api, input: Omit<Release, "version"> & { listingId: string; name: string | undefined }) {
  const { installIntent } = await marketplace.call(fleetprompt.createIntent, {
    body: { listingId: input.listingId, releaseId: input.releaseId, targetSystem: "whs" },
    idempotencyKey: randomUUID(),
  });
  const { installToken } = await marketplace.call(fleetprompt.issueToken, {
    id: installIntent.installIntentId,
    body: {},
    idempotencyKey: randomUUID(),
  });
  return api.call(createInstall, {
    body: { installToken, ...(input.name === undefined ? {} : { name: input.name }) },
    idempotencyKey: randomUUID(),
  });
}
