import { createLogger } from "@whs/platform/log";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import { sql } from "kysely";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type AuditedWrite, type AuditEvent, createAuditedWrite, insertAudit } from "./audited-write.ts";
import { type Database, openDatabase } from "./database.ts";
import { migrate } from "./migrate.ts";

interface Schema {
  "public.things": { name: string };
}
const migrations = path.resolve(import.meta.dirname, "../../../../apps/control-plane/migrations");
const auditTable = "whs.audit_log";
const actor = { userId: null, actor: "job:test", traceId: "trc_test_1" };
let testDatabase: TestDatabase;
let database: Database<Schema>;
let write: AuditedWrite<Schema>;

beforeAll(async () => {
  testDatabase = await createTestDatabase({ migrations: [migrations], prepare: (url) => migrate(url, "whs", migrations) });
  database = openDatabase<Schema>({ url: testDatabase.url, applicationName: "test", log: createLogger({ name: "test", level: "silent" }) });
  await database.pool.query("create table public.things (name text primary key check (name <> 'refused'))");
  write = createAuditedWrite(actor, { kysely: database.kysely, auditTable });
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});
let action: string;
let actions = 0;
beforeEach(() => {
  actions += 1;
  action = `thing.${String.fromCharCode(96 + actions)}`;
});

const insert = (name: string, event: Partial<AuditEvent> = {}): Promise<string> =>
  write({ action, ...event }, async (transaction) => {
    await sql`insert into things (name) values (${name})`.execute(transaction);
    return name;
  });
const count = async (query: string, parameter: string): Promise<number> => (await database.pool.query(query, [parameter])).rowCount ?? 0;
const things = (name: string): Promise<number> => count("select 1 from things where name = $1", name);
const entries = (): Promise<number> => count("select 1 from whs.audit_log where action = $1", action);

test("a change commits together with who did what, to what, under which trace", async () => {
  expect(await insert("first", { target: "thg_1", metadata: { name: "first", tags: ["a"], size: 2, kept: true, note: null } })).toBe(
    "first",
  );
  const { rows } = await database.pool.query("select * from whs.audit_log where action = $1", [action]);
  expect(rows).toEqual([
    {
      id: expect.stringMatching(/^aud_/),
      user_id: null,
      actor: "job:test",
      action,
      target: "thg_1",
      trace_id: "trc_test_1",
      metadata: { name: "first", tags: ["a"], size: 2, kept: true, note: null },
      at: expect.any(Date),
    },
  ]);
});

test("a change that fails leaves no audit row", async () => {
  await expect(insert("refused")).rejects.toMatchObject({ code: "23514" });
  expect(await entries()).toBe(0);
});

test("an audit row that fails takes its change along", async () => {
  await expect(insert("unaudited", { action: "NOT AN ACTION" })).rejects.toMatchObject({ code: "23514" });
  expect(await things("unaudited")).toBe(0);
});

test("metadata beyond 4096 bytes fails the whole write, counted in bytes; just below it fits the table", async () => {
  await expect(insert("too-much", { metadata: { note: "ä".repeat(2048) } })).rejects.toThrow(
    `Audit metadata of ${action} exceeds 4096 bytes`,
  );
  expect(await things("too-much")).toBe(0);
  await insert("just-fits", { metadata: { note: "ä".repeat(2042) } });
  await insert("many", { metadata: { list: Array.from({ length: 1000 }, () => "a") } });
  expect(await entries()).toBe(2);
});

test("the target may be known only once the change is done", async () => {
  const event: AuditEvent = { action };
  await write(event, async () => {
    event.target = "thg_late";
  });
  expect(await count("select 1 from whs.audit_log where target = $1", "thg_late")).toBe(1);
});

test("one write can leave several entries", async () => {
  await write({ action }, (transaction) => insertAudit(transaction, auditTable, actor, { action, target: "thg_other" }));
  expect(await entries()).toBe(2);
});

test("what runs before the commit sees the result, and its failure undoes change and audit row", async () => {
  let seen: unknown;
  const guarded = createAuditedWrite<Schema>(actor, {
    kysely: database.kysely,
    auditTable,
    beforeCommit: async (_transaction, result) => {
      seen = result;
      throw new Error("claim lost");
    },
  });
  const change = guarded({ action }, async (transaction) => {
    await sql`insert into things (name) values ('guarded')`.execute(transaction);
    return "result";
  });
  await expect(change).rejects.toThrow("claim lost");
  expect([seen, await things("guarded"), await entries()]).toEqual(["result", 0, 0]);
});

test("an audit row cannot be changed or removed", async () => {
  await insert("kept");
  for (const statement of ["update whs.audit_log set actor = 'x'", "delete from whs.audit_log", "truncate whs.audit_log"]) {
    await expect(database.pool.query(statement)).rejects.toThrow("append-only");
  }
});
