import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startMarketplace, type TestMarketplace, type TestUser } from "./harness.ts";
import { draft, handOff, intent, offer, releaseBody } from "./offers.ts";

let market: TestMarketplace;
let admin: TestUser;
beforeAll(async () => {
  market = await startMarketplace();
  admin = await market.admin();
});
afterAll(() => market.close());

interface Write {
  by: TestUser;
  path: string;
  body: Record<string, unknown>;
  /** Another body that would be accepted as well. */
  other: Record<string, unknown>;
  method?: "PATCH";
  /** Counts what the write makes. */
  made: { sql: string; values: unknown[] };
}

const audited = (action: string, target: string): Write["made"] => ({
  sql: "select 1 from fleetprompt.audit_log where action = $1 and target = $2",
  values: [action, target],
});

/** Each of the writes that may be repeated, ready to be sent. */
const writes: Record<string, () => Promise<Write>> = {
  "creating a listing": async () => {
    const by = await market.publisher();
    const body = { assetKind: "whs_agent", name: "Echo" };
    const made = {
      sql: "select 1 from fleetprompt.listings l join fleetprompt.users u on u.id = l.publisher_user_id where u.external_id = $1",
      values: [by.externalId],
    };
    return { by, path: "/v1/publisher/listings", body, other: { ...body, name: "Other" }, made };
  },
  "changing a status": async () => {
    const by = await market.publisher();
    const { listingId } = await offer(by);
    const path = `/v1/publisher/listings/${listingId}/status`;
    const made = {
      sql: "select 1 from fleetprompt.audit_log where target = $1 and metadata->>'to' = 'unlisted'",
      values: [listingId],
    };
    return { by, path, body: { status: "unlisted" }, other: { status: "draft" }, made };
  },
  "changing a listing": async () => {
    const by = await market.publisher();
    const listingId = await draft(by);
    const path = `/v1/publisher/listings/${listingId}`;
    return { by, path, method: "PATCH", body: { name: "New" }, other: { name: "Newer" }, made: audited("listing.updated", listingId) };
  },
  "publishing a release": async () => {
    const by = await market.publisher();
    const listingId = await draft(by);
    const made = { sql: "select 1 from fleetprompt.releases where listing_id = $1", values: [listingId] };
    return { by, path: `/v1/publisher/listings/${listingId}/releases`, body: releaseBody("1.0.0"), other: releaseBody("2.0.0"), made };
  },
  "revoking a release": async () => {
    const by = await market.publisher();
    const { releaseId } = await offer(by);
    const path = `/v1/publisher/releases/${releaseId}/revoke`;
    return { by, path, body: { reason: "broken" }, other: { reason: "wrong" }, made: audited("release.revoked", releaseId) };
  },
  "creating an install intent": async () => {
    const offered = await offer(await market.publisher());
    const by = await market.user("buyer");
    const body = { ...offered, targetSystem: "whs" };
    const made = {
      sql: "select 1 from fleetprompt.install_intents where listing_id = $1",
      values: [offered.listingId],
    };
    return { by, path: "/v1/install/intents", body, other: { ...body, targetSystem: "agentelic" }, made };
  },
  "issuing a token": async () => {
    const by = await market.user("buyer");
    const id = await intent(by, await offer(await market.publisher()));
    const made = { sql: "select 1 from fleetprompt.install_tokens where intent_id = $1", values: [id] };
    return { by, path: `/v1/install/intents/${id}/token`, body: { ttlMs: 600_000 }, other: { ttlMs: 900_000 }, made };
  },
  "suspending a listing": async () => {
    const { listingId } = await offer(await market.publisher());
    const path = `/v1/admin/listings/${listingId}/suspend`;
    return { by: admin, path, body: { reason: "spam" }, other: { reason: "fraud" }, made: audited("moderation.suspended", listingId) };
  },
  "restoring a listing": async () => {
    const { listingId } = await offer(await market.publisher());
    await admin.request("POST", `/v1/admin/listings/${listingId}/suspend`, { reason: "spam" });
    const path = `/v1/admin/listings/${listingId}/restore`;
    return { by: admin, path, body: { reason: "mended" }, other: { reason: "sorry" }, made: audited("moderation.restored", listingId) };
  },
};

const required = Object.keys(writes).filter((name) => name !== "changing a listing");

describe.each(Object.keys(writes))("%s", (name) => {
  const prepare = writes[name] as () => Promise<Write>;

  it("happens once under fifty duplicates at once, which all get its answer", async () => {
    const { by, path, body, made, method = "POST" } = await prepare();
    const headers = { "idempotency-key": randomUUID() };
    const answers = await Promise.all(Array.from({ length: 50 }, () => by.request(method, path, body, headers)));
    expect(new Set(answers.map(({ status }) => status)).size).toBe(1);
    expect(answers[0]?.status).toBeLessThan(300);
    expect(new Set(answers.map(({ text }) => text.replace(/req_[0-9a-z]+/, ""))).size).toBe(1);
    expect(answers.filter(({ headers: sent }) => sent.get("idempotency-replayed") === "true")).toHaveLength(49);
    expect((await market.pool.query(made.sql, made.values)).rowCount).toBe(1);
  });

  it("conflicts with another body under the same key", async () => {
    const { by, path, body, other, method = "POST" } = await prepare();
    const headers = { "idempotency-key": randomUUID() };
    expect((await by.request(method, path, body, headers)).status).toBeLessThan(300);
    expect(await by.request(method, path, other, headers)).toMatchObject({ status: 409, body: { error: { code: "CONFLICT" } } });
  });
});

it.each(required)("%s is refused without a key, which the answer names", async (name) => {
  const { by, path, body, made } = await (writes[name] as () => Promise<Write>)();
  const { rowCount } = await market.pool.query(made.sql, made.values);
  const bearer = { authorization: `Bearer ${by.token}` };
  expect(await market.anyone("POST", path, body, bearer)).toMatchObject({
    status: 400,
    body: { error: { code: "VALIDATION_FAILED", details: { fields: [{ fieldName: "Idempotency-Key" }] } } },
  });
  expect((await market.pool.query(made.sql, made.values)).rowCount).toBe(rowCount);
});

it("keeps the answer that something is not so, too", async () => {
  const publisher = await market.publisher();
  const listingId = await draft(publisher);
  const headers = { "idempotency-key": randomUUID() };
  const path = `/v1/publisher/listings/${listingId}/status`;
  expect((await publisher.request("POST", path, { status: "published" }, headers)).status).toBe(409);
  await publisher.request("POST", `/v1/publisher/listings/${listingId}/releases`, releaseBody("1.0.0"));
  expect(await publisher.request("POST", path, { status: "published" }, headers)).toMatchObject({
    status: 409,
    body: { error: { code: "CONFLICT", requestId: expect.stringMatching(/^req_/) } },
  });
  expect((await publisher.request("POST", path, { status: "published" })).status).toBe(200);
});

it("gives each caller and each path keys of its own", async () => {
  const headers = { "idempotency-key": "the-same" };
  const [ada, bob] = [await market.publisher(), await market.publisher()];
  const body = { assetKind: "whs_agent", name: "Echo" };
  const [first, second] = [ada, bob].map((person) => person.request("POST", "/v1/publisher/listings", body, headers));
  expect((await first)?.text).not.toBe((await second)?.text);
  const { buyer, intentId } = await handOff(market);
  const other = await intent(buyer, await offer(ada));
  expect((await buyer.request("POST", `/v1/install/intents/${intentId}/token`, {}, headers)).status).toBe(201);
  expect((await buyer.request("POST", `/v1/install/intents/${other}/token`, {}, headers)).status).toBe(201);
});
