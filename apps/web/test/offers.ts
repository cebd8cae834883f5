/** People who publish and install, over the APIs, so that pages have something to show. */
import { createAgent, createDeployment, createUpload, fleetprompt, getDeployment, setSecrets, updateAgent, WhsClient } from "@whs/api";
import { createBundleArchive } from "@whs/artifact";
import type { Stack } from "@whs/stack";
import { type Person, signUp } from "@whs/stack/testing";
import { randomUUID } from "node:crypto";
import { vi } from "vitest";

export interface Publisher extends Person {
  marketplace: WhsClient;
  publisherId: string;
}

export async function createPublisher({ endpoints }: Pick<Stack, "endpoints">, displayName: string, bioMarkdown = ""): Promise<Publisher> {
  const person = await signUp(endpoints);
  const marketplace = new WhsClient({ baseUrl: endpoints.fleetprompt ?? "", token: person.jwt });
  const { publisher } = await marketplace.call(fleetprompt.saveProfile, { body: { displayName, bioMarkdown } });
  return { ...person, marketplace, publisherId: publisher.publisherId };
}

interface Draft {
  name: string;
  summary?: string;
  markdown?: string;
  tags?: string[];
  categories?: string[];
}

export async function createDraft({ marketplace }: Publisher, listing: Draft): Promise<string> {
  const { markdown, ...rest } = listing;
  const created = await marketplace.call(fleetprompt.createListing, {
    body: { assetKind: "whs_agent", ...rest, ...(markdown === undefined ? {} : { description: { format: "markdown", markdown } }) },
    idempotencyKey: randomUUID(),
  });
  return created.listing.listingId;
}

interface Source {
  agentId: string;
  sha256: string;
  sizeBytes: number;
}

/** For listings that are looked at and never installed. */
const UNKNOWN_SOURCE: Source = { agentId: "agt_elsewhere", sha256: "a".repeat(64), sizeBytes: 2_048 };

export async function publishRelease(
  { marketplace }: Publisher,
  listingId: string,
  version: string,
  options: { source?: Source; notes?: string; minWHSVersion?: string } = {},
): Promise<string> {
  const { source = UNKNOWN_SOURCE, notes, minWHSVersion } = options;
  const { release } = await marketplace.call(fleetprompt.publishRelease, {
    id: listingId,
    body: {
      version,
      refs: { whsAgentId: source.agentId },
      artifacts: [{ kind: "source_bundle", sha256: source.sha256, sizeBytes: source.sizeBytes, download: { mode: "none" } }],
      ...(minWHSVersion === undefined ? {} : { compat: { minWHSVersion } }),
      ...(notes === undefined ? {} : { notes: { format: "markdown", markdown: notes } }),
    },
    idempotencyKey: randomUUID(),
  });
  return release.releaseId;
}

export async function setStatus({ marketplace }: Publisher, listingId: string, status: fleetprompt.ListingStatus): Promise<void> {
  await marketplace.call(fleetprompt.changeListingStatus, { id: listingId, body: { status }, idempotencyKey: randomUUID() });
}

/** A published listing with one release. */
export async function publish(publisher: Publisher, listing: Draft, release: Parameters<typeof publishRelease>[3] = {}): Promise<string> {
  const listingId = await createDraft(publisher, listing);
  await publishRelease(publisher, listingId, "1.0.0", release);
  await setStatus(publisher, listingId, "published");
  return listingId;
}

/** An agent of somebody that is deployed and serves; others may install it. */
export async function deploySource({ client }: Person, name: string, secrets: Readonly<Record<string, string>> = {}): Promise<Source> {
  const requiredKeys = Object.keys(secrets);
  const { agent } = await client.call(createAgent, { body: { name, runtimeProvider: "cloudflare", envVarKeys: requiredKeys } });
  if (requiredKeys.length > 0) await client.call(setSecrets, { id: agent.id, body: { secrets } });
  const manifest = { name, protocol: "invoke/v1", runtime: "cloudflare", entrypoint: "agent.js", env: { requiredKeys, optionalKeys: [] } };
  const files = {
    "agent.config.json": JSON.stringify(manifest),
    "agent.js": `export default { invoke: () => "Hello from ${name}" };`,
  };
  const bytes = await createBundleArchive(Object.entries(files).map(([path, text]) => ({ path, bytes: Buffer.from(text) })));
  const { upload } = await client.call(createUpload, { bytes: { contentType: "application/gzip", data: new Uint8Array(bytes) } });
  const { deployment } = await client.call(createDeployment, {
    id: agent.id,
    body: { artifact: { type: "uploaded_bundle", uploadId: upload.id } },
  });
  await vi.waitFor(
    async () => {
      const { status } = (await client.call(getDeployment, { id: deployment.id })).deployment;
      if (status !== "active") throw new Error(`The deployment is ${status}`);
    },
    { timeout: 60_000, interval: 50 },
  );
  await client.call(updateAgent, { id: agent.id, body: { sharing: "installable" } });
  return { agentId: agent.id, sha256: upload.checksum.replace(/^sha256:/, ""), sizeBytes: upload.sizeBytes };
}
