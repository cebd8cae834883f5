/** Every endpoint: what a stranger gets, what is invalid, and what another tenant sees of somebody's things. */
import { fleetprompt } from "@whs/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startMarketplace, type TestMarketplace, type TestPublisher, type TestUser } from "./harness.ts";
import { draft, handOff, type Offer, release, releaseBody } from "./offers.ts";

let market: TestMarketplace;
let own: Offer & { publisher: TestPublisher; buyer: TestUser; intentId: string };
let otherPublisher: TestPublisher;
let otherBuyer: TestUser;
let admin: TestUser;
beforeAll(async () => {
  market = await startMarketplace();
  own = await handOff(market);
  otherPublisher = await market.publisher();
  otherBuyer = await market.user("other");
  admin = await market.admin();
});
afterAll(() => market.close());

const withoutId = (text: string): string => text.replace(/req_[0-9a-z]+/, "req");
const named = fleetprompt.allEndpoints.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const);
const forUsers = named.filter(([, { access }]) => access.kind === "user");
const pathOf = (path: string): string =>
  path
    .replace("{releaseId}", own.releaseId)
    .replace("{listingId}", own.listingId)
    .replace("{publisherId}", own.publisher.publisherId)
    .replace("{emailOrExternalId}", own.publisher.externalId)
    .replace("{id}", path.includes("/intents/") ? own.intentId : own.listingId);

/** A body that each endpoint would take. */
function bodyOf(path: string): Record<string, unknown> {
  if (path.endsWith("/releases")) return releaseBody("9.9.9");
  if (path.endsWith("/status")) return { status: "unlisted" };
  if (path.endsWith("/revoke") || path.endsWith("/suspend") || path.endsWith("/restore")) return { reason: "because" };
  if (path.endsWith("/listings")) return { assetKind: "whs_agent", name: "Echo" };
  if (path.endsWith("/profile")) return { displayName: "Ada" };
  if (path.endsWith("/preview")) return { markdown: "x" };
  if (path.endsWith("/intents")) return { listingId: own.listingId, releaseId: own.releaseId, targetSystem: "whs" };
  if (path.endsWith("/reports")) return { listingId: own.listingId, reason: "spam" };
  return {};
}

describe("a request without a credential, or with one that is not good", () => {
  it.each(forUsers)("%s is not answered", async (_name, { method, path }) => {
    const body = method === "GET" ? undefined : bodyOf(path);
    const foreign = await market.issuer.sign({ sub: "someone" }, { issuer: "https://elsewhere.example.com" });
    for (const token of [undefined, "whs_something", "eyJhbGciOiJub25lIn0.e30.", foreign])
      expect(await market.as(token)(method, pathOf(path), body)).toMatchObject({
        status: 401,
        body: { error: { code: "UNAUTHENTICATED" } },
      });
  });

  it.each(named.filter(([, { access }]) => access.kind === "operator"))(
    "%s takes nobody's but the operator's",
    async (_name, { method, path }) => {
      const body = method === "GET" ? undefined : { role: "publisher", grant: true, status: "verified" };
      for (const token of [undefined, own.publisher.token, admin.token])
        expect((await market.as(token)(method, pathOf(path), body)).status).toBe(401);
      expect((await market.operator(method, pathOf(path).replace("/disable", "/enable"), sendable(method, path))).status).toBe(200);
    },
  );
});

function sendable(method: string, path: string): unknown {
  if (method === "GET" || path.endsWith("able")) return undefined;
  return path.endsWith("/roles") ? { role: "publisher", grant: true } : { status: "unverified" };
}

describe("a role", () => {
  it.each(forUsers.filter(([, { access }]) => access.kind === "user" && access.role !== undefined))(
    "is asked for by %s before anything is looked at",
    async (_name, { method, path, access }) => {
      const lacking = access.kind === "user" && access.role === "admin" ? own.publisher : otherBuyer;
      const answer = await lacking.request(method, pathOf(path), method === "GET" ? undefined : {});
      expect(answer).toMatchObject({ status: 403, body: { error: { code: "UNAUTHORIZED" } } });
    },
  );

  it("that is taken away is gone with the next request", async () => {
    const publisher = await market.publisher();
    expect((await publisher.request("GET", "/v1/publisher/listings")).status).toBe(200);
    await market.operator("POST", `/v1/operator/users/${publisher.externalId}/roles`, { role: "publisher", grant: false });
    expect((await publisher.request("GET", "/v1/publisher/listings")).status).toBe(403);
    expect((await publisher.request("POST", "/v1/publisher/profile", { displayName: "Again" })).body).toMatchObject({
      publisher: { approved: false },
    });
    expect((await publisher.request("GET", "/v1/publisher/listings")).status).toBe(403);
  });

  it("of a publisher waits for the operator where the installation asks for it", async () => {
    const strict = await startMarketplace({ environment: { FLEETPROMPT_PUBLISHER_APPROVAL: "1" } });
    const person = await strict.user();
    expect(await person.request("POST", "/v1/publisher/profile", { displayName: "Ada" })).toMatchObject({
      status: 201,
      body: { publisher: { approved: false } },
    });
    expect((await person.request("GET", "/v1/publisher/listings")).status).toBe(403);
    expect(await strict.operator("GET", "/v1/operator/publishers?approved=false")).toMatchObject({
      body: { items: [{ externalId: person.externalId, approved: false }] },
    });
    await strict.operator("POST", `/v1/operator/users/${person.externalId}/roles`, { role: "publisher", grant: true });
    expect((await person.request("GET", "/v1/publisher/listings")).status).toBe(200);
    await strict.close();
  });
});

const owned = forUsers.filter(([, { path }]) => path.includes("{") && !path.startsWith("/v1/admin/"));

describe("a person", () => {
  it("is told their own roles and profile, and nobody else's", async () => {
    expect(await own.publisher.request("GET", "/v1/me")).toMatchObject({
      status: 200,
      body: { user: { roles: ["user", "publisher"], publisher: { publisherId: own.publisher.publisherId, approved: true } } },
    });
    expect((await otherBuyer.request("GET", "/v1/me")).body).toMatchObject({ user: { roles: ["user"], publisher: null } });
  });

  it("sees a text as it would be shown, by the same policy, before it is kept", async () => {
    const markdown = "**bold** [x](javascript:xss()) <img src=x onerror=xss()>";
    const preview = await otherBuyer.request<{ html: string }>("POST", "/v1/publisher/preview", { markdown });
    const listingId = await draft(own.publisher, { description: { format: "markdown", markdown } });
    await release(own.publisher, listingId);
    await own.publisher.request("POST", `/v1/publisher/listings/${listingId}/status`, { status: "published" });
    const shown = await market.anyone<{ listingDetail: { description: { html: string } } }>("GET", `/v1/public/listings/${listingId}`);
    expect(preview.body.html).toBe(shown.body.listingDetail.description.html);
    expect(preview.body.html).toContain("<strong>bold</strong>");
  });
});

describe("another tenant's thing", () => {
  it.each(owned)("is not there for %s, byte for byte like one that never was", async (_name, { method, path }) => {
    const stranger = path.startsWith("/v1/install/") ? otherBuyer : otherPublisher;
    const body = method === "GET" || path.endsWith("/cancel") ? undefined : bodyOf(path);
    const foreign = await stranger.request(method, pathOf(path), body);
    const unknown = await stranger.request(method, path.replace(/\{\w+\}/, "lst_00000000000000000000000000"), body);
    expect(foreign).toMatchObject({ status: 404, body: { error: { code: "NOT_FOUND" } } });
    expect(withoutId(foreign.text)).toBe(withoutId(unknown.text));
  });

  it("is as it was", async () => {
    expect(await own.publisher.request("GET", `/v1/publisher/listings/${own.listingId}`)).toMatchObject({
      body: { listing: { name: "Echo", status: "published" } },
    });
    expect(await own.buyer.request("GET", `/v1/install/intents/${own.intentId}`)).toMatchObject({
      body: { installIntent: { status: "token_issued" } },
    });
  });

  it("is in no list of another's", async () => {
    for (const [person, path] of [
      [otherPublisher, "/v1/publisher/listings"],
      [otherBuyer, "/v1/install/intents"],
      [own.publisher, "/v1/install/intents"],
    ] as const)
      expect((await person.request("GET", path)).body).toMatchObject({ items: [] });
  });

  it("picture does not go into one's own listing", async () => {
    const body = { assetKind: "whs_agent", name: "x", images: [{ url: `/images/${"0".repeat(64)}.webp`, alt: "" }] };
    expect((await otherPublisher.request("POST", "/v1/publisher/listings", body)).status).toBe(400);
  });
});

const invalid: [string, Record<string, unknown>, string][] = [
  ["/v1/publisher/profile", { displayName: "" }, "displayName"],
  ["/v1/publisher/profile", { displayName: "x".repeat(81) }, "displayName"],
  ["/v1/publisher/listings", { assetKind: "app", name: "x" }, "assetKind"],
  ["/v1/publisher/listings", { assetKind: "whs_agent" }, "name"],
  ["/v1/publisher/listings", { assetKind: "whs_agent", name: "x".repeat(81) }, "name"],
  ["/v1/publisher/listings", { assetKind: "whs_agent", name: "a\u0007b" }, "name"],
  ["/v1/publisher/listings", { assetKind: "whs_agent", name: "x", status: "published" }, "status"],
  ["/v1/publisher/listings", { assetKind: "whs_agent", name: "x", summary: "x".repeat(241) }, "summary"],
  ["/v1/publisher/listings", { assetKind: "whs_agent", name: "x", tags: Array.from({ length: 21 }, String) }, "tags"],
  ["/v1/publisher/listings", { assetKind: "whs_agent", name: "x", tags: ["x".repeat(33)] }, "tags.0"],
  ["/v1/publisher/listings", { assetKind: "whs_agent", name: "x", categories: Array.from({ length: 11 }, String) }, "categories"],
  [
    "/v1/publisher/listings",
    { assetKind: "whs_agent", name: "x", description: { format: "markdown", markdown: "x".repeat(20_001) } },
    "description.markdown",
  ],
  ["/v1/publisher/listings", { assetKind: "whs_agent", name: "x", description: { format: "html", markdown: "" } }, "description.format"],
  ...[
    "javascript:alert(1)",
    "http://example.com",
    "https://a:b@example.com",
    "https://example.com/\n",
    `https://e.com/${"x".repeat(2048)}`,
    "//e.com",
  ].map((docsUrl): [string, Record<string, unknown>, string] => [
    "/v1/publisher/listings",
    { assetKind: "whs_agent", name: "x", links: { docsUrl } },
    "links.docsUrl",
  ]),
  [
    "/v1/publisher/listings",
    { assetKind: "whs_agent", name: "x", images: [{ url: "https://example.com/a.png", alt: "" }] },
    "images.0.url",
  ],
  ["/v1/install/intents", { listingId: "lst_x", releaseId: "rel_x", targetSystem: "windows" }, "targetSystem"],
  [
    "/v1/install/intents",
    { listingId: "lst_x", releaseId: "rel_x", targetSystem: "whs", targetContext: { secret: "x" } },
    "targetContext.secret",
  ],
  [
    "/v1/install/intents",
    { listingId: "lst_x", releaseId: "rel_x", targetSystem: "whs", targetContext: { orgId: "x".repeat(201) } },
    "targetContext.orgId",
  ],
  ["/v1/reports", { listingId: "lst_x", reason: "" }, "reason"],
  ["/v1/reports", { listingId: "lst_x", reason: "x".repeat(1001) }, "reason"],
];

it.each(invalid)("what is invalid at %s is named: %j", async (path, body, fieldName) => {
  const answer = await own.publisher.request("POST", path, body);
  expect(answer).toMatchObject({ status: 400, body: { error: { code: "VALIDATION_FAILED", details: { fields: [{ fieldName }] } } } });
});

it.each([
  ["/v1/publisher/listings/{id}", { status: "published" }, "status"],
  ["/v1/publisher/listings/{id}", { assetKind: "spec_asset" }, "assetKind"],
  ["/v1/publisher/listings/{id}", { publisherId: "pub_x" }, "publisherId"],
  ["/v1/publisher/listings/{id}", { moderation: { flagged: false } }, "moderation"],
])("a change of a listing cannot name what is not its publisher's to change: %s %j", async (path, body, fieldName) => {
  expect(await own.publisher.request("PATCH", pathOf(path), body)).toMatchObject({
    status: 400,
    body: { error: { code: "VALIDATION_FAILED", details: { fields: [{ fieldName }] } } },
  });
});

it("every described endpoint is bound", async () => {
  const routes = new Set(named.map(([name]) => name));
  expect(routes.size).toBe(named.length);
  for (const [name, { method, path }] of named)
    expect({ name, bound: market.app.server.hasRoute({ method, url: path.replaceAll(/\{(\w+)\}/g, ":$1") }) }).toEqual({
      name,
      bound: true,
    });
});
