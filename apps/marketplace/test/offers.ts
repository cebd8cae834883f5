import type { fleetprompt } from "@whs/api";
import type { TestMarketplace, TestPublisher, TestUser } from "./harness.ts";

export const bundleSha256 = "a".repeat(64);

export function releaseBody(version: string, more: Record<string, unknown> = {}) {
  return {
    version,
    refs: { whsAgentId: "agt_source" },
    artifacts: [{ kind: "source_bundle", sha256: bundleSha256, sizeBytes: 10, download: { mode: "none" } }],
    ...more,
  };
}

export async function draft(publisher: TestUser, more: Record<string, unknown> = {}): Promise<string> {
  const answer = await publisher.request<{ listing: fleetprompt.PublisherListing }>("POST", "/v1/publisher/listings", {
    assetKind: "whs_agent",
    name: "Echo",
    ...more,
  });
  if (answer.status !== 201) throw new Error(`Creating a listing answers ${answer.text}`);
  return answer.body.listing.listingId;
}

export async function release(
  publisher: TestUser,
  listingId: string,
  version = "1.0.0",
  more: Record<string, unknown> = {},
): Promise<string> {
  const answer = await publisher.request<{ release: fleetprompt.PublisherRelease }>(
    "POST",
    `/v1/publisher/listings/${listingId}/releases`,
    releaseBody(version, more),
  );
  if (answer.status !== 201) throw new Error(`Publishing a release answers ${answer.text}`);
  return answer.body.release.releaseId;
}

export interface Offer {
  listingId: string;
  releaseId: string;
}

/** A published listing with one release. */
export async function offer(publisher: TestUser, more: Record<string, unknown> = {}): Promise<Offer> {
  const listingId = await draft(publisher, more);
  const releaseId = await release(publisher, listingId);
  const { status, text } = await publisher.request("POST", `/v1/publisher/listings/${listingId}/status`, { status: "published" });
  if (status !== 200) throw new Error(`Publishing a listing answers ${text}`);
  return { listingId, releaseId };
}

export async function intent(buyer: TestUser, offered: Offer, targetSystem: fleetprompt.TargetSystem = "whs"): Promise<string> {
  const answer = await buyer.request<{ installIntent: fleetprompt.InstallIntent }>("POST", "/v1/install/intents", {
    ...offered,
    targetSystem,
  });
  if (answer.status !== 201) throw new Error(`An install intent answers ${answer.text}`);
  return answer.body.installIntent.installIntentId;
}

export interface Issued {
  installToken: string;
  expiresAtMs: number;
}

export async function token(buyer: TestUser, intentId: string, body: Record<string, unknown> = {}): Promise<Issued> {
  const answer = await buyer.request<Issued>("POST", `/v1/install/intents/${intentId}/token`, body);
  if (answer.status !== 201) throw new Error(`An install token answers ${answer.text}`);
  return answer.body;
}

/** A publisher with an offer, and a buyer with a token for it. */
export async function handOff(
  market: TestMarketplace,
  targetSystem: fleetprompt.TargetSystem = "whs",
): Promise<Offer & { publisher: TestPublisher; buyer: TestUser; intentId: string; installToken: string }> {
  const publisher = await market.publisher();
  const buyer = await market.user("buyer");
  const offered = await offer(publisher);
  const intentId = await intent(buyer, offered, targetSystem);
  const { installToken } = await token(buyer, intentId);
  return { ...offered, publisher, buyer, intentId, installToken };
}
