import type { fleetprompt } from "@whs/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mayFollow } from "../src/features/installs/state.ts";
import { publisherMay } from "../src/features/listings/state.ts";
import { startMarketplace, type TestMarketplace, type TestPublisher, type TestUser } from "./harness.ts";
import { draft, handOff, intent, offer, type Offer, releaseBody, token } from "./offers.ts";

let market: TestMarketplace;
let publisher: TestPublisher;
let admin: TestUser;
beforeAll(async () => {
  market = await startMarketplace();
  publisher = await market.publisher();
  admin = await market.admin();
});
afterAll(() => market.close());

const pairs = <T>(all: readonly T[]): [T, T][] => all.flatMap((from) => all.map((to): [T, T] => [from, to]));
const listingStatuses: fleetprompt.ListingStatus[] = ["draft", "published", "unlisted", "suspended"];
const intentStatuses: fleetprompt.IntentStatus[] = ["created", "token_issued", "redeemed", "expired", "canceled"];
const setStatus = (listingId: string, status: string) =>
  publisher.request("POST", `/v1/publisher/listings/${listingId}/status`, { status });
const moderate = (listingId: string, verb: "suspend" | "restore") =>
  admin.request("POST", `/v1/admin/listings/${listingId}/${verb}`, { reason: "because" });
const statusOf = async (listingId: string) =>
  (await publisher.request<{ listing: fleetprompt.PublisherListing }>("GET", `/v1/publisher/listings/${listingId}`)).body.listing.status;

async function listingThatIs(status: fleetprompt.ListingStatus): Promise<Offer> {
  const offered = await offer(publisher);
  if (status === "suspended") await moderate(offered.listingId, "suspend");
  else await setStatus(offered.listingId, status);
  return offered;
}

describe("a listing", () => {
  it.each(pairs(listingStatuses))("that is %s becomes %s by its publisher only where neither is suspended", async (from, to) => {
    const { listingId } = await listingThatIs(from);
    const answer = await setStatus(listingId, to);
    const may = from !== "suspended" && to !== "suspended";
    expect(publisherMay(from, to)).toBe(may);
    expect(answer).toMatchObject(may ? { status: 200, body: { ok: true } } : { status: 403, body: { error: { code: "UNAUTHORIZED" } } });
    expect(await statusOf(listingId)).toBe(may ? to : from);
  });

  it.each(["draft", "published", "unlisted"] as const)("that was %s is so again when its suspension is lifted", async (status) => {
    const { listingId } = await listingThatIs(status);
    expect((await moderate(listingId, "restore")).status).toBe(409);
    expect((await moderate(listingId, "suspend")).status).toBe(200);
    expect((await moderate(listingId, "suspend")).status).toBe(409);
    expect((await market.anyone("GET", `/v1/public/listings/${listingId}`)).status).toBe(404);
    expect((await moderate(listingId, "restore")).status).toBe(200);
    expect(await statusOf(listingId)).toBe(status);
  });

  it("that was published and has lost its releases is unlisted when its suspension is lifted", async () => {
    const { listingId, releaseId } = await listingThatIs("suspended");
    await publisher.request("POST", `/v1/publisher/releases/${releaseId}/revoke`, { reason: "broken" });
    await moderate(listingId, "restore");
    expect(await statusOf(listingId)).toBe("unlisted");
    expect(await setStatus(listingId, "published")).toMatchObject({ status: 409, body: { error: { code: "CONFLICT" } } });
  });

  it("without a release is not published, by the database's own rule either", async () => {
    const listingId = await draft(publisher);
    expect(await setStatus(listingId, "published")).toMatchObject({ status: 409, body: { error: { code: "CONFLICT" } } });
    await expect(market.pool.query("update fleetprompt.listings set status = 'published' where id = $1", [listingId])).rejects.toThrow(
      "without a release",
    );
  });

  it.each([
    ["publisher_user_id", "usr_other"],
    ["asset_kind", "spec_asset"],
  ])("never changes its %s, whoever asks the database", async (column, value) => {
    const listingId = await draft(publisher);
    await expect(market.pool.query(`update fleetprompt.listings set ${column} = $2 where id = $1`, [listingId, value])).rejects.toThrow(
      "do not change",
    );
    await expect(market.pool.query("delete from fleetprompt.listings where id = $1", [listingId])).rejects.toThrow("append-only");
  });
});

describe("a release", () => {
  it("is revoked once and for all, and nothing else of it changes", async () => {
    const { listingId, releaseId } = await offer(publisher);
    const revoke = () => publisher.request("POST", `/v1/publisher/releases/${releaseId}/revoke`, { reason: "broken" });
    expect(await revoke()).toMatchObject({ status: 200, body: { ok: true } });
    expect(await revoke()).toMatchObject({ status: 409, body: { error: { code: "CONFLICT" } } });
    for (const change of ["status = 'published', revoked_at = null", "version = '2.0.0'", "refs = '{}'", "notes_markdown = 'x'"])
      await expect(market.pool.query(`update fleetprompt.releases set ${change} where id = $1`, [releaseId])).rejects.toThrow("immutable");
    await expect(market.pool.query("delete from fleetprompt.releases where id = $1", [releaseId])).rejects.toThrow("append-only");
    const again = await publisher.request("POST", `/v1/publisher/listings/${listingId}/releases`, releaseBody("1.0.0"));
    expect(again).toMatchObject({ status: 409, body: { error: { code: "CONFLICT" } } });
  });

  it("that is revoked is seen by its publisher and by nobody else, and nobody installs it", async () => {
    const { listingId, releaseId } = await offer(publisher);
    await publisher.request("POST", `/v1/publisher/releases/${releaseId}/revoke`, { reason: "broken" });
    expect(await publisher.request("GET", `/v1/publisher/listings/${listingId}/releases`)).toMatchObject({
      body: { items: [{ releaseId, status: "revoked", revoked: { reason: "broken" } }] },
    });
    expect((await market.anyone("GET", `/v1/public/listings/${listingId}/releases`)).body).toMatchObject({ items: [] });
    expect((await market.anyone("GET", `/v1/public/releases/${releaseId}`)).status).toBe(404);
    expect((await market.anyone("GET", `/v1/public/listings/${listingId}`)).body).toMatchObject({ listingDetail: { latestRelease: null } });
    const buyer = await market.user();
    const wanted = { listingId, releaseId, targetSystem: "whs" };
    expect((await buyer.request("POST", "/v1/install/intents", wanted)).status).toBe(404);
  });
});

describe("an install intent", () => {
  let anyIntent: Promise<string> | undefined;
  const changed = async (from: fleetprompt.IntentStatus, to: fleetprompt.IntentStatus): Promise<string> => {
    anyIntent ??= intent(await market.user(), await offer(publisher));
    const id = await anyIntent;
    const client = await market.pool.connect();
    try {
      await client.query("begin");
      await client.query("set local session_replication_role = replica");
      await client.query("update fleetprompt.install_intents set status = $2 where id = $1", [id, from]);
      await client.query("set local session_replication_role = origin");
      await client.query("update fleetprompt.install_intents set status = $2 where id = $1", [id, to]);
      return "done";
    } catch (error) {
      return error instanceof Error ? error.message : "failed";
    } finally {
      await client.query("rollback");
      client.release();
    }
  };

  it.each(pairs(intentStatuses).filter(([from, to]) => from !== to))(
    "goes from %s to %s where its state machine says so",
    async (from, to) => {
      expect(await changed(from, to)).toBe(mayFollow(from, to) ? "done" : `install intent cannot go from ${from} to ${to}`);
    },
  );

  it("goes on exactly as it may", () => {
    expect(pairs(intentStatuses).filter(([from, to]) => mayFollow(from, to))).toEqual([
      ["created", "token_issued"],
      ["created", "expired"],
      ["created", "canceled"],
      ["token_issued", "redeemed"],
      ["token_issued", "expired"],
      ["token_issued", "canceled"],
    ]);
  });

  it("that is over gets no token and is not canceled", async () => {
    const { buyer, intentId, installToken } = await handOff(market);
    await market.target("whs")("/v1/internal/install/redeem", { installToken, targetSystem: "whs" });
    const canceled = await intent(buyer, await offer(publisher));
    expect(await buyer.request("POST", `/v1/install/intents/${canceled}/cancel`)).toMatchObject({
      body: { installIntent: { status: "canceled" } },
    });
    for (const id of [intentId, canceled])
      for (const verb of ["token", "cancel"]) expect((await buyer.request("POST", `/v1/install/intents/${id}/${verb}`)).status).toBe(409);
    expect((await buyer.request("GET", "/v1/install/intents?status=canceled")).body).toMatchObject({
      items: [{ installIntentId: canceled }],
    });
  });

  it("of a listing or release that is not offered any more gets no token", async () => {
    const buyer = await market.user();
    const offered = await offer(publisher);
    const id = await intent(buyer, offered);
    await setStatus(offered.listingId, "unlisted");
    expect((await buyer.request("POST", `/v1/install/intents/${id}/token`)).status).toBe(409);
    const foreign = await offer(publisher);
    const wanted = { listingId: offered.listingId, releaseId: foreign.releaseId, targetSystem: "whs" };
    expect((await buyer.request("POST", "/v1/install/intents", wanted)).status).toBe(404);
  });

  it("has one issued token at a time", async () => {
    const { buyer, intentId } = await handOff(market);
    await token(buyer, intentId);
    const { rows } = await market.pool.query("select status from fleetprompt.install_tokens where intent_id = $1 order by id", [intentId]);
    expect(rows).toEqual([{ status: "revoked" }, { status: "issued" }]);
  });
});
