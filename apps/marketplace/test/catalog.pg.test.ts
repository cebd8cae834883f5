import type { fleetprompt } from "@whs/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startMarketplace, type TestMarketplace, type TestPublisher } from "./harness.ts";
import { bundleSha256, draft, intent, offer, type Offer, release, releaseBody, token } from "./offers.ts";

let market: TestMarketplace;
let publisher: TestPublisher;
let offered: Offer;
beforeAll(async () => {
  market = await startMarketplace();
  publisher = await market.publisher("Ada");
  offered = await offer(publisher, {
    name: "Echo",
    summary: "Says it again",
    tags: ["echo", "mcp"],
    categories: ["demo"],
    description: { format: "markdown", markdown: "**Hi** <b>there</b>" },
    links: { docsUrl: "https://docs.example.com/echo", repoUrl: "https://github.com/example/echo" },
  });
});
afterAll(() => market.close());

const keysOf = (value: unknown): string[] =>
  typeof value === "object" && value !== null ? [...Object.keys(value), ...Object.values(value).flatMap(keysOf)] : [];
const publicPaths = () => [
  "/v1/public/listings/search",
  "/v1/public/listings/search?q=echo",
  `/v1/public/listings/${offered.listingId}`,
  `/v1/public/listings/${offered.listingId}/releases`,
  `/v1/public/releases/${offered.releaseId}`,
  `/v1/public/publishers/${publisher.publisherId}`,
  `/v1/public/listings/${offered.listingId}/install-plan?targetSystem=whs`,
  "/v0.1/servers",
  "/llms.txt",
  "/sitemap.xml",
];

describe("the public", () => {
  it("sees a listing exactly as the contract says, and nothing more", async () => {
    const { body } = await market.anyone<{ listingDetail: Record<string, unknown>; requestId: string }>(
      "GET",
      `/v1/public/listings/${offered.listingId}`,
    );
    const latestRelease = { releaseId: offered.releaseId, version: "1.0.0", publishedAtMs: expect.any(Number) };
    expect(body).toEqual({
      requestId: expect.stringMatching(/^req_/),
      listingDetail: {
        listing: {
          listingId: offered.listingId,
          assetKind: "whs_agent",
          status: "published",
          name: "Echo",
          summary: "Says it again",
          tags: ["echo", "mcp"],
          categories: ["demo"],
          publisher: {
            publisherId: publisher.publisherId,
            displayName: "Ada",
            verified: { status: "unverified", checkedAtMs: null, reason: null },
          },
          images: [],
          links: { docsUrl: "https://docs.example.com/echo", repoUrl: "https://github.com/example/echo" },
          stats: { installAttempts30d: 0, downloads30d: 0 },
          createdAtMs: expect.any(Number),
          updatedAtMs: expect.any(Number),
        },
        description: { format: "markdown", markdown: "**Hi** <b>there</b>", html: "<p><strong>Hi</strong> there</p>" },
        latestRelease,
        releases: { items: [{ ...latestRelease, status: "published" }], nextCursor: null },
      },
    });
  });

  it("sees a release with what it refers to and which bytes it pins", async () => {
    expect((await market.anyone("GET", `/v1/public/releases/${offered.releaseId}`)).body).toMatchObject({
      release: {
        releaseId: offered.releaseId,
        listingId: offered.listingId,
        version: "1.0.0",
        status: "published",
        compat: {},
        refs: { whsAgentId: "agt_source" },
        artifacts: [{ kind: "source_bundle", sha256: bundleSha256, sizeBytes: 10, download: { mode: "none" } }],
        notes: { format: "markdown", markdown: "", html: "" },
      },
    });
  });

  it("sees published things only, never moderation, owners' accounts or installs", async () => {
    const admin = await market.admin();
    const suspended = await offer(publisher, { name: "Suspended echo" });
    await admin.request("POST", `/v1/admin/listings/${suspended.listingId}/suspend`, { reason: "secret-reason-of-the-admin" });
    const hidden = [suspended.listingId, await draft(publisher, { name: "Draft echo" })];
    const unlisted = await offer(publisher, { name: "Unlisted echo" });
    await publisher.request("POST", `/v1/publisher/listings/${unlisted.listingId}/status`, { status: "unlisted" });
    hidden.push(unlisted.listingId);
    for (const path of publicPaths()) {
      const { status, text, body } = await market.anyone("GET", path);
      expect({ path, status }).toEqual({ path, status: 200 });
      for (const id of hidden) expect(text).not.toContain(id);
      for (const secret of ["secret-reason-of-the-admin", publisher.externalId, "usr_", "@example.com"]) expect(text).not.toContain(secret);
      const keys = new Set(keysOf(body));
      for (const key of ["moderation", "flagged", "publisherUserId", "buyerUserId", "installToken", "email"])
        expect(keys.has(key)).toBe(false);
    }
    for (const id of hidden)
      for (const path of [
        `/v1/public/listings/${id}`,
        `/v1/public/listings/${id}/releases`,
        `/v1/public/listings/${id}/install-plan?targetSystem=whs`,
      ])
        expect(await market.anyone("GET", path)).toMatchObject({ status: 404, body: { error: { code: "NOT_FOUND" } } });
    for (const { releaseId } of [suspended, unlisted])
      expect((await market.anyone("GET", `/v1/public/releases/${releaseId}`)).status).toBe(404);
  });

  it.each([
    "/v1/public/listings/lst_none",
    "/v1/public/releases/rel_none",
    "/v1/public/publishers/pub_none",
    "/v1/public/listings/lst_none/releases",
    "/v1/public/nowhere",
  ])("is told that %s is not there", async (path) => {
    const answer = await market.anyone("GET", path);
    expect(answer).toMatchObject({ status: 404, body: { error: { code: "NOT_FOUND", requestId: answer.headers.get("x-request-id") } } });
  });

  it("sees each release once, page by page", async () => {
    const listingId = await draft(publisher, { name: "Many" });
    for (const version of ["1.0.0", "1.1.0", "2.0.0-rc.1", "1.0.1"]) await release(publisher, listingId, version);
    await publisher.request("POST", `/v1/publisher/listings/${listingId}/status`, { status: "published" });
    const page = (query: string) =>
      market.anyone<{ items: { version: string }[]; nextCursor: string | null }>(
        "GET",
        `/v1/public/listings/${listingId}/releases?${query}`,
      );
    const first = (await page("limit=3")).body;
    const second = (await page(`limit=3&cursor=${first.nextCursor}`)).body;
    expect([...first.items, ...second.items].map(({ version }) => version)).toEqual(["1.0.1", "2.0.0-rc.1", "1.1.0", "1.0.0"]);
    expect(second.nextCursor).toBeNull();
    const detail = await market.anyone("GET", `/v1/public/listings/${listingId}`);
    expect(detail.body).toMatchObject({ listingDetail: { latestRelease: { version: "1.1.0" } } });
  });
});

it("an install plan explains which release fits and why newer ones do not", async () => {
  const listingId = await draft(publisher, { name: "Planned" });
  const old = await release(publisher, listingId, "1.0.0", { compat: { minWHSVersion: "1.0.0" } });
  const newer = await release(publisher, listingId, "1.1.0", { compat: { minWHSVersion: "9.0.0" } });
  await publisher.request("POST", `/v1/publisher/listings/${listingId}/status`, { status: "published" });
  const plan = (query: string) => market.anyone("GET", `/v1/public/listings/${listingId}/install-plan?${query}`);
  expect((await plan("targetSystem=whs&whsVersion=1.2.0&capabilities=a,b")).body).toMatchObject({
    chosen: { releaseId: old, version: "1.0.0" },
    rejected: [{ releaseId: newer, version: "1.1.0", reasons: ["needs WHS 9.0.0 or newer, and the stack has 1.2.0"] }],
  });
  expect((await plan("targetSystem=whs&whsVersion=one")).status).toBe(400);
  expect((await plan("whsVersion=1.2.0")).status).toBe(400);
});

describe("a release is refused", () => {
  it.each<[string, fleetprompt.AssetKind, Record<string, unknown>, number, string]>([
    ["without its reference", "whs_agent", { refs: {} }, 400, "refs.whsAgentId"],
    ["with a reference of another kind", "whs_agent", { refs: { whsAgentId: "a", specAssetId: "b" } }, 400, "refs.specAssetId"],
    ["with a hint of another kind", "spec_asset", { refs: { specAssetId: "a", whsDeploymentId: "b" } }, 400, "refs.whsDeploymentId"],
    ["of a workflow without its reference", "agentromatic_workflow", { refs: {} }, 400, "refs.agentromaticWorkflowId"],
    ["with a reference that is not visible", "whs_agent", { refs: { whsAgentId: "a b" } }, 400, "refs.whsAgentId"],
    ["without the bytes that it pins", "whs_agent", { artifacts: [] }, 400, "artifacts"],
    [
      "with a digest that is none",
      "whs_agent",
      { artifacts: [{ kind: "source_bundle", sha256: "A".repeat(64), sizeBytes: 1, download: { mode: "none" } }] },
      400,
      "artifacts.0.sha256",
    ],
    [
      "with a download from here",
      "whs_agent",
      { artifacts: [{ kind: "source_bundle", sha256: bundleSha256, sizeBytes: 1, download: { mode: "fleetprompt_signed_url" } }] },
      422,
      "artifacts.0.download.mode",
    ],
    [
      "with a download from a shop",
      "whs_agent",
      { artifacts: [{ kind: "source_bundle", sha256: bundleSha256, sizeBytes: 1, download: { mode: "specprompt_fulfillment" } }] },
      422,
      "artifacts.0.download.mode",
    ],
    ["with a version that is none", "whs_agent", { version: "1.0" }, 400, "version"],
    ["with a minimum that is no version", "whs_agent", { compat: { minWHSVersion: "latest" } }, 400, "compat.minWHSVersion"],
    ["with notes that are too long", "whs_agent", { notes: { format: "markdown", markdown: "x".repeat(10_001) } }, 400, "notes.markdown"],
  ])("%s", async (_what, assetKind, more, status, fieldName) => {
    const listingId = await draft(publisher, { assetKind, name: "x" });
    const answer = await publisher.request("POST", `/v1/publisher/listings/${listingId}/releases`, releaseBody("1.0.0", more));
    const code = status === 422 ? "UNSUPPORTED" : "VALIDATION_FAILED";
    expect(answer).toMatchObject({ status, body: { error: { code, details: { fields: [{ fieldName }] } } } });
  });
});

describe("figures", () => {
  it("count views, intents and redemptions by day, and know nothing of who looked", async () => {
    const { listingId, releaseId } = await offer(publisher, { name: "Counted" });
    for (let view = 0; view < 3; view++) await market.anyone("GET", `/v1/public/listings/${listingId}`);
    const buyer = await market.user("buyer");
    const { installToken } = await token(buyer, await intent(buyer, { listingId, releaseId }));
    await market.target("whs")("/v1/internal/install/redeem", { installToken, targetSystem: "whs" });
    const { body } = await publisher.request<{ days: object[] }>("GET", `/v1/publisher/listings/${listingId}/stats?days=7`);
    expect(body.days).toHaveLength(7);
    const date = new Date(market.clock.now()).toISOString().slice(0, 10);
    expect(body.days.at(-1)).toEqual({ date, views: 3, installIntents: 1, redemptions: 1 });
  });
});

describe("what others read", () => {
  it("has listings that expose MCP in the registry's shape", async () => {
    const { body } = await market.anyone<{ servers: { server: { name: string } }[]; metadata: object }>(
      "GET",
      "/v0.1/servers?search=ech&version=latest",
    );
    expect(body).toEqual({
      servers: [
        {
          server: {
            $schema: expect.stringContaining("server.schema.json"),
            name: `com.fleetprompt/${offered.listingId}`,
            title: "Echo",
            description: "Says it again",
            version: "1.0.0",
            websiteUrl: "https://docs.example.com/echo",
            repository: { url: "https://github.com/example/echo", source: "github" },
          },
          _meta: {
            "io.modelcontextprotocol.registry/official": {
              status: "active",
              publishedAt: expect.any(String),
              updatedAt: expect.any(String),
              isLatest: true,
            },
            "com.fleetprompt/listing": { listingId: offered.listingId, releaseId: offered.releaseId },
          },
        },
      ],
      metadata: { count: 1 },
    });
    expect(body.servers[0]?.server.name).toMatch(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/);
    expect((await market.anyone("GET", "/v0.1/servers?search=100%25")).body).toMatchObject({ servers: [] });
    expect((await market.anyone("GET", "/v0.1/servers?limit=0")).status).toBe(400);
  });

  it("has pages for crawlers and words for models, with what people wrote made harmless", async () => {
    const { listingId } = await offer(publisher, { name: "<Tricky> & [co](https://x.example)", summary: "a\nb" });
    const sitemap = await market.anyone("GET", "/sitemap.xml");
    expect(sitemap.headers.get("content-type")).toBe("application/xml; charset=utf-8");
    expect(sitemap.text).toContain(`/marketplace/listings/${listingId}</loc>`);
    const { text } = await market.anyone("GET", "/llms.txt");
    expect(text).toContain(String.raw`[\<Tricky\> & \[co\]\(https://x.example\)]`);
    expect(text).toContain(": a b");
  });

  it("describes itself, and says how it is", async () => {
    expect((await market.anyone("GET", "/healthz")).body).toMatchObject({ ok: true, version: expect.any(String) });
    expect((await market.anyone("GET", "/readyz")).body).toMatchObject({ ok: true });
    const { body } = await market.anyone<{ openapi: string; paths: Record<string, unknown> }>("GET", "/openapi.json");
    expect(body.openapi).toBe("3.1.0");
    expect(Object.keys(body.paths)).toContain("/v1/internal/install/redeem");
    expect(await (await fetch(market.app.metricsUrl)).text()).toMatch(/http_requests_total{[^}]*service="marketplace"/);
  });
});
