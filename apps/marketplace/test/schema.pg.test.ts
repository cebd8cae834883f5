import { migrate } from "@whs/platform/db";
import { createTestDatabase, describeTables, ExplainedQueries, type TestDatabase, verifyRowTypes } from "@whs/platform/testing";
import type { Kysely } from "kysely";
import { readFile } from "node:fs/promises";
import path from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Schema } from "../src/database.ts";
import type { SearchFilters } from "../src/features/catalog/search-terms.ts";
import { fuzzyMode, prefixMode } from "../src/features/catalog/search-terms.ts";
import { countFacets, findAlike, listOfPublisher, searchListings } from "../src/features/catalog/store.ts";
import { listMcpListings, listNewest } from "../src/features/ecosystem/store.ts";
import { findTokenOwner, listIntents } from "../src/features/installs/store.ts";
import { listListings } from "../src/features/listings/store.ts";
import { listAudit, listReports } from "../src/features/moderation/store.ts";
import { listByVersion, listReleases } from "../src/features/releases/store.ts";
import { listDays } from "../src/features/stats/store.ts";
import { migrations } from "./harness.ts";

const root = path.resolve(import.meta.dirname, "..");

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase({ migrations: [migrations], prepare: (url) => migrate(url, "fleetprompt", migrations) });
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

describe("the schema", () => {
  it("is the one described beside the migrations", async () => {
    await expect(`${JSON.stringify(await describeTables(pool, "fleetprompt"), null, 2)}\n`).toMatchFileSnapshot(
      path.join(root, "migrations/schema.json"),
    );
  });

  it("has row types that are current", async () => {
    await expect(verifyRowTypes(root, database.url)).resolves.toBeUndefined();
  });

  it("holds references and bounded summaries: no upstream log, telemetry, transcript, secret or artifact", async () => {
    const described = await describeTables(pool, "fleetprompt");
    expect(Object.keys(described)).toEqual([
      "audit_log",
      "idempotency_keys",
      "images",
      "install_intents",
      "install_tokens",
      "listing_stats_daily",
      "listings",
      "migrations",
      "publisher_profiles",
      "rate_limits",
      "releases",
      "reports",
      "search_words",
      "users",
    ]);
    const columns = Object.entries(described).flatMap(([table, { columns: all }]) =>
      Object.entries(all).map(([name, type]) => ({ table, name, type })),
    );
    const upstream =
      /log_?line|telemetry|transcript|message|execution|trace(?!_id)|prompt|invocation|usage|cost|secret|password|api_key|session|visitor|address|agent$|user_agent|bundle|content/;
    expect(columns.filter(({ name }) => upstream.test(name))).toEqual([]);
    // Bytes are digests and sealed answers alone.
    expect(columns.filter(({ type }) => type.startsWith("bytea")).map(({ table, name }) => `${table}.${name}`)).toEqual([
      "idempotency_keys.response",
      "install_tokens.token_sha256",
    ]);
  });

  it("has every foreign key covered by an index, so that nothing waits for a whole table", async () => {
    const { rows } = await pool.query(`
      select c.conrelid::regclass::text as "table", pg_get_constraintdef(c.oid) as key from pg_constraint c
      where c.contype = 'f' and c.connamespace = 'fleetprompt'::regnamespace and c.conrelid::regclass::text like 'fleetprompt.install_%'
        and not exists (select from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])`);
    expect(rows).toEqual([]);
  });
});

/** So many that reading a whole table costs more than an index, and no more, since filling them takes the time. */
const ROWS = 50_000;

describe("over tens of thousands of listings", () => {
  const user = "usr_00000000000000000000000001";
  const publisher = "pub_00000000000000000000000001";
  const listing = "lst_00000000000000000000001000";
  let explained: ExplainedQueries<Schema>;
  let db: Kysely<Schema>;

  beforeAll(async () => {
    const client = await pool.connect();
    const generator = await readFile(path.join(root, "seeds/listings.sql"), "utf8");
    // Each statement by itself: a vacuum is none of a transaction's.
    for (const statement of generator.replaceAll(":listings", String(ROWS)).split(/;\n\n/))
      await client.query(statement.replace(/\nvacuum[^;]*;/, ""));
    await client.query("set session_replication_role = replica");
    const id = (prefix: string) => `'${prefix}_' || lpad(n::text, 26, '0')`;
    const owner = "'usr_' || lpad((1 + n % 1000)::text, 26, '0')";
    const many = `generate_series(1, ${ROWS}) as n`;
    await client.query(`insert into fleetprompt.install_intents (id, buyer_user_id, listing_id, release_id, target_system, expires_at)
      select ${id("int")}, ${owner}, ${id("lst")}, ${id("rel")}, 'whs', now() from ${many}`);
    await client.query(`insert into fleetprompt.install_tokens (id, intent_id, token_sha256, expires_at)
      select ${id("tok")}, ${id("int")}, sha256(n::text::bytea), now() from ${many}`);
    await client.query(
      `insert into fleetprompt.reports (id, listing_id, reporter_user_id, reason) select ${id("rpt")}, ${id("lst")}, ${owner}, 'x' from ${many}`,
    );
    await client.query(
      `insert into fleetprompt.audit_log (id, actor, action, target) select ${id("aud")}, 'x', 'listing.created', ${id("lst")} from ${many}`,
    );
    await client.query(`insert into fleetprompt.listing_stats_daily (listing_id, day) select ${id("lst")}, current_date from ${many}`);
    await client.query("analyze");
    client.release(true);
    explained = new ExplainedQueries(pool);
    ({ db } = explained);
  }, 400_000);

  const all: SearchFilters = { sort: "updated", mode: undefined, tags: [], categories: [], assetKind: undefined };
  const named: SearchFilters = { ...all, sort: "relevance", mode: prefixMode("invoice", ["invoice"]) };
  const mistyped: SearchFilters = { ...all, sort: "relevance", mode: fuzzyMode(["calandar"], { calandar: ["calendar"] }) };
  const first = { limit: 50, after: undefined };
  const next = "lst_00000000000000000000050000";

  it.each<[string, () => Promise<unknown>]>([
    ["listings by update", () => searchListings(db, all, first)],
    ["listings by update, next page", () => searchListings(db, all, { limit: 50, after: ["2026-02-01 00:00:00+00", next] })],
    ["listings by installs", () => searchListings(db, { ...all, sort: "installs" }, first)],
    ["listings by installs, next page", () => searchListings(db, { ...all, sort: "installs" }, { limit: 50, after: ["500", next] })],
    ["listings by name", () => searchListings(db, { ...all, sort: "name" }, first)],
    ["listings by name, next page", () => searchListings(db, { ...all, sort: "name" }, { limit: 50, after: ["m", next] })],
    ["listings by word", () => searchListings(db, named, first)],
    ["listings by word, next page", () => searchListings(db, named, { limit: 50, after: ["0.1", next] })],
    ["listings by mistyped word", () => searchListings(db, mistyped, first)],
    ["words like a mistyped one", () => findAlike(db, ["calandar"])],
    ["listings by tag", () => searchListings(db, { ...all, tags: ["invoice", "fast"] }, first)],
    ["listings by category and kind", () => searchListings(db, { ...all, categories: ["finance"], assetKind: "spec_asset" }, first)],
    ["listings by kind", () => searchListings(db, { ...all, assetKind: "spec_asset" }, first)],
    ["facets of everything", () => countFacets(db, all)],
    ["facets of a word", () => countFacets(db, named)],
    ["listings of a publisher", () => listOfPublisher(db, publisher, first)],
    ["own listings", () => listListings(db, user, { ...first, status: undefined })],
    ["own listings of a status", () => listListings(db, user, { limit: 50, after: next, status: "draft" })],
    ["releases of a listing", () => listReleases(db, listing, { ...first, publishedOnly: false })],
    ["published releases of a listing", () => listReleases(db, listing, { ...first, publishedOnly: true })],
    ["releases by version", () => listByVersion(db, listing, 1)],
    ["intents of a buyer", () => listIntents(db, user, { ...first, status: undefined })],
    ["intents of a buyer and status", () => listIntents(db, user, { ...first, status: "created" })],
    ["a token by its hash", () => findTokenOwner(db, Buffer.alloc(32))],
    ["days of a listing", () => listDays(db, listing, "2026-01-01")],
    ["reports", () => listReports(db, { ...first, status: undefined })],
    ["open reports", () => listReports(db, { ...first, status: "open" })],
    ["the audit log", () => listAudit(db, { ...first, target: undefined })],
    ["the audit log of a thing", () => listAudit(db, { ...first, target: listing })],
    ["listings that expose MCP", () => listMcpListings(db, { ...first, search: undefined, updatedSince: undefined })],
    ["the newest listings", () => listNewest(db, 100)],
  ])("%s are found without reading a whole table", async (_name, run) => {
    // Publishers are a thousand, who are read at once where a page shows many of them.
    for (const plan of await explained.plansOf(run)) expect(plan).not.toMatch(/Seq Scan on (?!publisher_profiles|.*_default)/);
  });
});
