import type { fleetprompt } from "@whs/api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startMarketplace, type TestMarketplace } from "./harness.ts";
import { bundleSha256, draft, intent, release, token } from "./offers.ts";

let market: TestMarketplace;
beforeAll(async () => {
  market = await startMarketplace();
});
afterAll(() => market.close());

it("goes from a profile to an acknowledged install", async () => {
  const publisher = await market.publisher("Ada");
  const listingId = await draft(publisher, { name: "Echo agent", tags: ["echo"], summary: "Says it again" });
  expect((await market.anyone("GET", `/v1/public/listings/${listingId}`)).status).toBe(404);
  const releaseId = await release(publisher, listingId);
  expect(await publisher.request("POST", `/v1/publisher/listings/${listingId}/status`, { status: "published" })).toMatchObject({
    status: 200,
    body: { ok: true },
  });
  const found = await market.anyone<{ items: fleetprompt.PublicListing[] }>("GET", "/v1/public/listings/search?q=echo");
  expect(found.body.items.map((item) => item.listingId)).toEqual([listingId]);
  expect(await market.anyone("GET", `/v1/public/listings/${listingId}`)).toMatchObject({
    status: 200,
    body: { listingDetail: { listing: { listingId, name: "Echo agent" }, latestRelease: { releaseId, version: "1.0.0" } } },
  });

  const buyer = await market.user("buyer");
  const intentId = await intent(buyer, { listingId, releaseId });
  const { installToken, ...rest } = await token(buyer, intentId);
  expect(installToken).toMatch(/^fpi_[\w-]{43}$/);
  expect(rest).toMatchObject({ installIntentId: intentId, redeem: { mode: "server_to_server", targetSystem: "whs" } });
  const redeemed = await market.target("whs")("/v1/internal/install/redeem", {
    installToken,
    targetSystem: "whs",
    expectedBuyerExternalUserId: buyer.externalId,
  });
  expect(redeemed).toMatchObject({
    status: 200,
    body: {
      installIntent: { installIntentId: intentId, status: "redeemed" },
      buyer: { externalUserId: buyer.externalId },
      publisher: { externalUserId: publisher.externalId },
      listing: { listingId, assetKind: "whs_agent", name: "Echo agent" },
      release: { releaseId, version: "1.0.0", refs: { whsAgentId: "agt_source" }, artifacts: [{ sha256: bundleSha256 }] },
    },
  });
  const acknowledged = { installIntentId: intentId, outcome: "installed", correlationId: "ins_1" };
  expect(await market.target("whs")("/v1/internal/install/ack", acknowledged)).toMatchObject({ status: 200, body: { ok: true } });
  expect(await buyer.request("GET", `/v1/install/intents/${intentId}`)).toMatchObject({
    status: 200,
    body: { installIntent: { status: "redeemed", outcome: "installed" } },
  });
});
