import { fleetprompt } from "@whs/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rateClassOf } from "../src/rates.ts";
import { startMarketplace, type TestMarketplace, type TestPublisher, type TestUser } from "./harness.ts";
import { handOff, intent, offer } from "./offers.ts";

let market: TestMarketplace;
let publisher: TestPublisher;
let admin: TestUser;
beforeAll(async () => {
  market = await startMarketplace();
  publisher = await market.publisher();
  admin = await market.admin();
});
afterAll(() => market.close());

describe("moderation", () => {
  it("goes from a report to a suspension that the publisher reads, and everything of it is in the audit log", async () => {
    const { listingId } = await offer(publisher);
    const reporter = await market.user("reporter");
    const reported = await reporter.request<{ report: { reportId: string } }>("POST", "/v1/reports", { listingId, reason: "Spam" });
    expect(reported).toMatchObject({ status: 201, body: { report: { listingId } } });
    const open = async () => (await admin.request<{ items: { reportId: string }[] }>("GET", "/v1/admin/reports?status=open")).body.items;
    expect(await open()).toMatchObject([{ reportId: reported.body.report.reportId, listingId, reason: "Spam", status: "open" }]);
    await admin.request("POST", `/v1/admin/listings/${listingId}/suspend`, { reason: "It is spam" });
    expect(await open()).toEqual([]);
    expect((await publisher.request("GET", `/v1/publisher/listings/${listingId}`)).body).toMatchObject({
      listing: { status: "suspended", moderation: { flagged: true, reason: "It is spam" } },
    });
    await admin.request("POST", `/v1/admin/listings/${listingId}/restore`, { reason: "It was not" });
    const { body } = await admin.request<{ items: { action: string; metadata: object; actor: string }[] }>(
      "GET",
      `/v1/admin/audit?target=${listingId}`,
    );
    expect(body.items.map(({ action }) => action)).toEqual([
      "moderation.restored",
      "moderation.suspended",
      "moderation.reported",
      "listing.status_changed",
      "listing.created",
    ]);
    expect(body.items[1]).toMatchObject({ metadata: { reason: "It is spam" }, requestId: expect.stringMatching(/^req_/) });
  });

  it("of what is not there, or not public, is refused", async () => {
    const reporter = await market.user("reporter");
    expect((await reporter.request("POST", "/v1/reports", { listingId: "lst_none", reason: "x" })).status).toBe(404);
    for (const verb of ["suspend", "restore"])
      expect((await admin.request("POST", `/v1/admin/listings/lst_none/${verb}`, { reason: "x" })).status).toBe(404);
  });

  it("is recorded where nobody changes it", async () => {
    for (const change of [
      "update fleetprompt.audit_log set action = 'x.y'",
      "delete from fleetprompt.audit_log",
      "truncate fleetprompt.audit_log",
    ])
      await expect(market.pool.query(change)).rejects.toThrow("append-only");
  });
});

describe("the operator", () => {
  it("gives a badge, which the public sees and which grants nothing", async () => {
    const fresh = await market.publisher("Grace");
    const { listingId } = await offer(fresh, { name: "Badged" });
    const path = `/v1/operator/publishers/${fresh.publisherId}/verification`;
    expect((await market.operator("POST", path, { status: "verified", reason: "Known" })).status).toBe(200);
    expect((await market.anyone("GET", `/v1/public/listings/${listingId}`)).body).toMatchObject({
      listingDetail: { listing: { publisher: { verified: { status: "verified", reason: "Known", checkedAtMs: expect.any(Number) } } } },
    });
    expect((await fresh.request("GET", "/v1/admin/reports")).status).toBe(403);
    expect((await market.operator("POST", "/v1/operator/publishers/pub_none/verification", { status: "verified" })).status).toBe(404);
  });

  it("names an account by its external id, or by an address that is one account's alone; an address grants nothing by itself", async () => {
    const person = await market.user("someone");
    await person.request("GET", "/v1/install/intents");
    const email = `${person.externalId}@example.com`;
    const grant = await market.operator("POST", `/v1/operator/users/${encodeURIComponent(email)}/roles`, { role: "admin", grant: true });
    expect(grant.body).toMatchObject({ user: { externalId: person.externalId, roles: expect.arrayContaining(["user", "admin"]) } });
    // Whoever comes with the same address is somebody else.
    const impostor = market.as(await market.issuer.sign({ sub: "impostor", email, name: "x" }, { expiresIn: "1h" }));
    expect((await impostor("GET", "/v1/admin/reports")).status).toBe(403);
    expect((await market.operator("GET", `/v1/operator/users/${encodeURIComponent(email)}`)).status).toBe(409);
    expect((await market.operator("GET", "/v1/operator/users/nobody")).status).toBe(404);
    expect((await market.operator("POST", `/v1/operator/users/${person.externalId}/roles`, {})).status).toBe(400);
  });

  it("disables an account at once: nothing of its token is taken, nothing of its installs is redeemed", async () => {
    const { buyer, installToken } = await handOff(market);
    await market.operator("POST", `/v1/operator/users/${buyer.externalId}/disable`);
    expect((await buyer.request("GET", "/v1/install/intents")).status).toBe(403);
    const redeem = () => market.target("whs")("/v1/internal/install/redeem", { installToken, targetSystem: "whs" });
    expect((await redeem()).status).toBe(404);
    await market.operator("POST", `/v1/operator/users/${buyer.externalId}/enable`);
    expect((await redeem()).status).toBe(200);
  });

  it("sees how much there is", async () => {
    const { body } = await market.operator<fleetprompt.MarketplaceStats>("GET", "/v1/operator/stats");
    expect(body.listings.total).toBe(Object.values(body.listings.byStatus).reduce((sum, n) => sum + n, 0));
    expect(body.users.admins).toBeGreaterThanOrEqual(1);
    expect(body.installs.redemptions).toBeGreaterThanOrEqual(1);
  });
});

describe("time", () => {
  it("ends intents and their tokens, and takes them away in the end", async () => {
    const { buyer, intentId } = await handOff(market);
    const statuses = async () => {
      const { rows } = await market.pool.query<{ intent: string; token: string }>(
        `select i.status as intent, t.status as token from fleetprompt.install_intents i
         left join fleetprompt.install_tokens t on t.intent_id = i.id where i.id = $1`,
        [intentId],
      );
      return rows;
    };
    market.clock.advance(25 * 3_600_000);
    // Whether the job has been by or not.
    expect((await buyer.request("GET", `/v1/install/intents/${intentId}`)).body).toMatchObject({ installIntent: { status: "expired" } });
    expect((await buyer.request("POST", `/v1/install/intents/${intentId}/token`)).status).toBe(409);
    await market.jobs.expireInstalls();
    expect(await statuses()).toEqual([{ intent: "expired", token: "expired" }]);
    market.clock.advance(31 * 86_400_000);
    await market.jobs.purgeInstalls();
    expect(await statuses()).toEqual([{ intent: "expired", token: null }]);
    market.clock.advance(60 * 86_400_000);
    await market.jobs.purgeInstalls();
    expect(await statuses()).toEqual([]);
  });

  it("takes what is thirty days past out of the sums", async () => {
    const buyer = await market.user("buyer");
    const seller = await market.publisher("seller");
    const offered = await offer(seller, { name: "Ageing" });
    await intent(buyer, offered);
    const sums = async () =>
      (await market.anyone<{ listingDetail: { listing: fleetprompt.PublicListing } }>("GET", `/v1/public/listings/${offered.listingId}`))
        .body.listingDetail.listing.stats;
    expect(await sums()).toEqual({ installAttempts30d: 1, downloads30d: 0 });
    market.clock.advance(31 * 86_400_000);
    await market.jobs.refreshStats();
    expect(await sums()).toEqual({ installAttempts30d: 0, downloads30d: 0 });
  });
});

describe("rates", () => {
  const classes = fleetprompt.allEndpoints.map((endpoint) => [endpoint.name, rateClassOf(endpoint)] as const);

  it("have a class for every endpoint", () => {
    expect(Object.groupBy(classes, ([, name]) => name)).toMatchObject({
      search: [["listings.search", "search"]],
      report: [["reports.create", "report"]],
      internal: [
        ["installs.redeem", "internal"],
        ["installs.acknowledge", "internal"],
      ],
    });
    expect(new Set(classes.map(([, name]) => name))).toEqual(
      new Set(["search", "read", "account", "write", "install", "report", "internal", "operator"]),
    );
  });

  it("refuse what is too much of each class, and of that class alone", async () => {
    const few = { SEARCH: 2, READ: 3, ACCOUNT: 2, WRITE: 12, INSTALL: 2, REPORT: 2, INTERNAL: 2, OPERATOR: 3 };
    const environment = Object.fromEntries(Object.entries(few).map(([name, n]) => [`FLEETPROMPT_RATE_${name}`, `${n}/hour`]));
    const limited = await startMarketplace({ environment });
    const seller = await limited.publisher();
    const offered = await offer(seller);
    const person = await limited.user();
    const admin2 = await limited.user();
    const requests: Record<string, () => Promise<{ status: number; headers: Headers }>> = {
      search: () => limited.anyone("GET", "/v1/public/listings/search"),
      read: () => limited.anyone("GET", `/v1/public/listings/${offered.listingId}`),
      account: () => person.request("GET", "/v1/install/intents"),
      write: () => seller.request("PATCH", `/v1/publisher/listings/${offered.listingId}`, { summary: "x" }),
      install: () => person.request("POST", "/v1/install/intents", { ...offered, targetSystem: "whs" }),
      report: () => person.request("POST", "/v1/reports", { listingId: offered.listingId, reason: "x" }),
      internal: () => limited.target("whs")("/v1/internal/install/redeem", { installToken: "fpi_x", targetSystem: "whs" }),
      operator: () => limited.operator("GET", "/v1/operator/stats"),
    };
    for (const [name, send] of Object.entries(requests)) {
      const statuses: number[] = [];
      for (let sent = 0; sent < 14 && !statuses.includes(429); sent++) {
        const answer = await send();
        statuses.push(answer.status);
        expect(answer.status === 429).toBe(answer.headers.has("retry-after"));
      }
      expect({ name, passed: statuses.length > 1, refused: statuses.includes(429) }).toEqual({ name, passed: true, refused: true });
    }
    // Another person and another source are not held back by these.
    expect((await admin2.request("GET", "/v1/install/intents")).status).toBe(200);
    expect(
      (await limited.target("agentelic")("/v1/internal/install/redeem", { installToken: "x", targetSystem: "agentelic" })).status,
    ).toBe(404);
    await limited.close();
  });
});

it("a start with a bad value names the variable and what it should be", async () => {
  await expect(startMarketplace({ environment: { FLEETPROMPT_RATE_SEARCH: "many" } })).rejects.toThrow(
    /FLEETPROMPT_RATE_SEARCH: must be a rate/,
  );
  await expect(startMarketplace({ environment: { FLEETPROMPT_INTERNAL_REDEEM_SECRET: "short" } })).rejects.toThrow(
    /FLEETPROMPT_INTERNAL_REDEEM_SECRET: must have at least 32 bytes/,
  );
});
