import type { fleetprompt } from "@whs/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startMarketplace, type TestMarketplace, type TestPublisher } from "./harness.ts";
import { draft, intent, offer, type Offer, token } from "./offers.ts";

type Found = {
  items: fleetprompt.PublicListing[];
  nextCursor: string | null;
  facets?: Record<"tags" | "categories" | "assetKinds", { value: string; count: number }[]>;
};

let market: TestMarketplace;
let publisher: TestPublisher;
const offers: Record<string, Offer> = {};
beforeAll(async () => {
  market = await startMarketplace();
  publisher = await market.publisher();
  const words = { description: { format: "markdown", markdown: "Keeps appointments of busy people" } };
  offers["calendar"] = await offer(publisher, { name: "Calendar keeper", tags: ["time", "office"], categories: ["work"], ...words });
  offers["recipes"] = await offer(publisher, {
    name: "Recipe finder",
    tags: ["food"],
    categories: ["home"],
    summary: "Cooks by the calendar",
  });
  offers["über"] = await offer(publisher, { name: "Übersetzer", tags: ["language", "office"], categories: ["work"] });
  offers["report"] = await offer(publisher, { name: "Weekly report-writer v1.2", tags: ["office"], categories: ["work"] });
  await draft(publisher, { name: "Calendar draft" });
});
afterAll(() => market.close());

const search = async (query: Record<string, string>): Promise<Found> => {
  const answer = await market.anyone<Found>("GET", `/v1/public/listings/search?${new URLSearchParams(query).toString()}`);
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
  return answer.body;
};
const namesOf = async (query: Record<string, string>): Promise<string[]> => (await search(query)).items.map(({ name }) => name);

describe("words", () => {
  it.each<[string, string[]]>([
    ["calendar", ["Calendar keeper", "Recipe finder"]],
    ["CALENDAR", ["Calendar keeper", "Recipe finder"]],
    ["cal keep", ["Calendar keeper"]],
    ["appointm", ["Calendar keeper"]],
    ["übersetz", ["Übersetzer"]],
    ["report writer", ["Weekly report-writer v1.2"]],
    ["report-writer", ["Weekly report-writer v1.2"]],
    ["v1.2", ["Weekly report-writer v1.2"]],
    ["office calendar", ["Calendar keeper"]],
    ["nothing like this", []],
    ["'; drop table listings; --", []],
    ["a & b | !c <-> (d:*)", []],
  ])("%j find what begins with them, best first", async (q, names) => {
    expect(await namesOf({ q })).toEqual(names);
  });

  it.each<[string, string, string]>([
    ["a wrong letter", "calandar", "Calendar keeper"],
    ["a missing letter", "calndar", "Calendar keeper"],
    ["one letter too many", "recippe", "Recipe finder"],
    ["two letters swapped", "reicpe", "Recipe finder"],
    ["one of two words mistyped", "weekly reprot", "Weekly report-writer v1.2"],
  ])("with %s still find: %s", async (_what, q, name) => {
    expect(await namesOf({ q })).toEqual([name]);
  });

  it("of a draft, or of one that is published no more, find nothing", async () => {
    const { listingId } = await offer(publisher, { name: "Unicornish thing" });
    expect(await namesOf({ q: "unicornish" })).toEqual(["Unicornish thing"]);
    await publisher.request("POST", `/v1/publisher/listings/${listingId}/status`, { status: "unlisted" });
    expect(await namesOf({ q: "unicornish" })).toEqual([]);
    expect(await namesOf({ q: "draft" })).toEqual([]);
  });
});

describe("a mistyped word", () => {
  it("is compared with words that are or were published, and with none of a draft", async () => {
    await draft(publisher, { name: "Xylophonist" });
    await offer(publisher, { name: "Zitherplayer" });
    const { rows } = await market.pool.query<{ word: string }>("select word from fleetprompt.search_words where word ~ 'xylo|zither'");
    expect(rows.map(({ word }) => word)).toEqual(["zitherplayer"]);
  });

  it("does not stop publishers who publish the same new words at once", async () => {
    const words = Array.from({ length: 8 }, (_, index) => `harmonium${"abcdefgh"[index]}`);
    await Promise.all(
      words.map((_, index) => offer(publisher, { name: `Harmony ${index}`, tags: [...words.slice(index), ...words.slice(0, index)] })),
    );
    expect(await namesOf({ q: "harmonumc" })).toHaveLength(8);
  });
});

describe("facets", () => {
  it("count what was found by tag, category and kind", async () => {
    const { facets } = await search({ q: "calendar" });
    expect(facets).toEqual({
      tags: [
        { value: "food", count: 1 },
        { value: "office", count: 1 },
        { value: "time", count: 1 },
      ],
      categories: [
        { value: "home", count: 1 },
        { value: "work", count: 1 },
      ],
      assetKinds: [{ value: "whs_agent", count: 2 }],
    });
  });

  it.each<[Record<string, string>, string[]]>([
    [{ tags: "office", sort: "name" }, ["Calendar keeper", "Weekly report-writer v1.2", "Übersetzer"]],
    [{ tags: "office,time" }, ["Calendar keeper"]],
    [{ categories: "home" }, ["Recipe finder"]],
    [{ q: "calendar", tags: "food" }, ["Recipe finder"]],
    [{ assetKind: "spec_asset" }, []],
  ])("narrow the search down: %j", async (query, names) => {
    expect(await namesOf(query)).toEqual(names);
  });
});

describe("an order", () => {
  it("by installs counts redemptions of thirty days, and a listing says how many", async () => {
    const buyer = await market.user("buyer");
    const { installToken } = await token(buyer, await intent(buyer, offers["recipes"] as Offer));
    await market.target("whs")("/v1/internal/install/redeem", { installToken, targetSystem: "whs" });
    const [first] = (await search({ sort: "installs" })).items;
    expect(first).toMatchObject({ name: "Recipe finder", stats: { installAttempts30d: 1, downloads30d: 1 } });
  });

  it("by update has the latest change first", async () => {
    await publisher.request("PATCH", `/v1/publisher/listings/${offers["über"]?.listingId}`, { summary: "Changed" });
    expect((await namesOf({ sort: "updated" }))[0]).toBe("Übersetzer");
  });
});

describe("pages", () => {
  it.each(["relevance", "updated", "installs", "name"])("sorted by %s show each listing once, while others are published", async (sort) => {
    const word = `paged${sort}`;
    const before: string[] = [];
    for (let index = 0; index < 9; index++)
      before.push((await offer(publisher, { name: `${word} ${index % 3}`, summary: index % 2 ? word : "" })).listingId);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Found = await search({ q: word, sort, limit: "2", ...(cursor === null ? {} : { cursor }) });
      seen.push(...page.items.map(({ listingId }) => listingId));
      cursor = page.nextCursor;
      await Promise.all([offer(publisher, { name: `${word} 0` }), offer(publisher, { name: `${word} 2`, summary: word })]);
    } while (cursor !== null && seen.length < 100);
    expect(new Set(seen).size).toBe(seen.length);
    expect(before.filter((id) => !seen.includes(id))).toEqual([]);
  });

  it("go on in the way that the first page was found", async () => {
    for (let index = 0; index < 3; index++) await offer(publisher, { name: `Zeppelin ${index}` });
    const first = await search({ q: "zepelin", limit: "2" });
    expect(first.items).toHaveLength(2);
    const second = await search({ q: "zepelin", limit: "2", cursor: first.nextCursor ?? "" });
    expect(second.items).toHaveLength(1);
    expect(second.nextCursor).toBeNull();
    expect(second.facets).toBeUndefined();
  });

  it.each([
    { limit: "0" },
    { limit: "201" },
    { limit: "x" },
    { sort: "price" },
    { q: "x".repeat(201) },
    { cursor: "forged" },
    { page: "2" },
  ])("are refused as invalid: %j", async (query) => {
    const answer = await market.anyone(
      "GET",
      `/v1/public/listings/search?${new URLSearchParams(query as Record<string, string>).toString()}`,
    );
    expect(answer).toMatchObject({ status: 400, body: { error: { code: "VALIDATION_FAILED", details: { fields: [{}] } } } });
  });

  it("of another search are refused: a cursor belongs to its words and filters", async () => {
    const { nextCursor } = await search({ sort: "name", limit: "1" });
    const answer = await market.anyone("GET", `/v1/public/listings/search?q=calendar&cursor=${nextCursor}`);
    expect(answer.status).toBe(400);
  });
});

describe("an answer to everybody", () => {
  it("may be kept for a moment and is asked for again by its ETag", async () => {
    const first = await market.anyone("GET", "/v1/public/listings/search?q=recipe");
    const etag = first.headers.get("etag") ?? "";
    expect(first.headers.get("cache-control")).toMatch(/^public, max-age=\d+$/);
    const again = await market.anyone("GET", "/v1/public/listings/search?q=recipe", undefined, { "if-none-match": etag });
    expect(again).toMatchObject({ status: 304, text: "" });
    expect(again.headers.get("etag")).toBe(etag);
    await publisher.request("PATCH", `/v1/publisher/listings/${offers["recipes"]?.listingId}`, { summary: "New words" });
    expect((await market.anyone("GET", "/v1/public/listings/search?q=recipe", undefined, { "if-none-match": etag })).status).toBe(200);
  });
});
