import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { migrate, readMigrations } from "./migrate.ts";

let database: TestDatabase;
let client: pg.Client;
/** Each test migrates a schema of its own. */
let schema: string;
let schemas = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});
beforeEach(() => {
  schemas += 1;
  schema = `app${schemas}`;
});

type Files = Record<string, string>;

async function folder(files: Files): Promise<{ directory: string; write: (files: Files) => Promise<void> }> {
  const directory = await mkdtemp(path.join(tmpdir(), "whs-migrations-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const write = async (more: Files): Promise<void> => {
    for (const [name, sql] of Object.entries(more)) await writeFile(path.join(directory, name), sql);
  };
  await write(files);
  return { directory, write };
}

async function select(sql: string): Promise<unknown[]> {
  const { rows } = await client.query<{ value: unknown }>(sql);
  return rows.map(({ value }) => value);
}
const ledger = (): Promise<unknown[]> => select(`select name as value from ${schema}.migrations order by applied_at, name`);

test("migrations are applied in order, each once", async () => {
  const { directory, write } = await folder({
    "0002_second.sql": `insert into ${schema}.steps values ('second')`,
    "0001_first.sql": `create table ${schema}.steps (name text); insert into ${schema}.steps values ('first')`,
    "notes.md": "not a migration",
  });
  expect(await migrate(database.url, schema, directory)).toEqual(["0001_first.sql", "0002_second.sql"]);
  expect(await migrate(database.url, schema, directory)).toEqual([]);
  await write({ "0003_third.sql": `insert into ${schema}.steps values ('third')` });
  expect(await migrate(database.url, schema, directory)).toEqual(["0003_third.sql"]);
  expect(await select(`select name as value from ${schema}.steps`)).toEqual(["first", "second", "third"]);
});

test("processes that start at once apply each migration once", async () => {
  const { directory } = await folder({
    "0001_first.sql": `create table ${schema}.steps (name text); select pg_sleep(0.05)`,
    "0002_second.sql": `insert into ${schema}.steps values ('second')`,
  });
  const applied = await Promise.all(Array.from({ length: 8 }, () => migrate(database.url, schema, directory)));
  expect(applied.flat()).toEqual(["0001_first.sql", "0002_second.sql"]);
  expect(await select(`select name as value from ${schema}.steps`)).toEqual(["second"]);
});

test("a migration that changed after it was applied stops the start, and nothing else is applied", async () => {
  const { directory, write } = await folder({ "0001_first.sql": `create table ${schema}.steps (name text)` });
  await migrate(database.url, schema, directory);
  await write({ "0001_first.sql": `create table ${schema}.steps (name text, more text)`, "0002_second.sql": "select 1" });
  await expect(migrate(database.url, schema, directory)).rejects.toThrow("Migration 0001_first.sql has changed since it was applied");
  expect(await ledger()).toEqual(["0001_first.sql"]);
});

test("an applied migration under another name stops the start", async () => {
  const before = await folder({ "0001_first.sql": "select 1" });
  await migrate(database.url, schema, before.directory);
  const after = await folder({ "0001_renamed.sql": "select 1" });
  await expect(migrate(database.url, schema, after.directory)).rejects.toThrow(
    "Migration 0001_first.sql was applied, but here its number belongs to 0001_renamed.sql",
  );
});

test("an older process starts on a database that is ahead of it", async () => {
  const newer = await folder({ "0001_first.sql": "select 1", "0002_second.sql": "select 2" });
  await migrate(database.url, schema, newer.directory);
  const older = await folder({ "0001_first.sql": "select 1" });
  expect(await migrate(database.url, schema, older.directory)).toEqual([]);
});

test("a migration that fails leaves nothing of itself, keeps those before it and can be mended", async () => {
  const { directory, write } = await folder({
    "0001_first.sql": `create table ${schema}.steps (name text)`,
    "0002_second.sql": `insert into ${schema}.steps values ('half'); select 1 / 0`,
    "0003_third.sql": `insert into ${schema}.steps values ('third')`,
  });
  await expect(migrate(database.url, schema, directory)).rejects.toMatchObject({
    message: "Migration 0002_second.sql failed",
    cause: { code: "22012" },
  });
  expect(await ledger()).toEqual(["0001_first.sql"]);
  expect(await select(`select name as value from ${schema}.steps`)).toEqual([]);
  await write({ "0002_second.sql": `insert into ${schema}.steps values ('whole')` });
  expect(await migrate(database.url, schema, directory)).toEqual(["0002_second.sql", "0003_third.sql"]);
});

test("a database that cannot be used is named with the reason, and without its password", async () => {
  const { directory } = await folder({});
  const failure = await migrate("postgres://ada:s3cret@127.0.0.1:1/whs", schema, directory).then(String, String);
  expect(failure).toMatch(/^ConfigurationError: Cannot start: the database 127\.0\.0\.1:1\/whs cannot be used: .*ECONNREFUSED/);
  expect(failure).not.toContain("s3cret");
});

test("when the connection breaks in a migration, that migration is not applied", async () => {
  const { directory } = await folder({
    "0001_first.sql": `create table ${schema}.steps (name text); select pg_terminate_backend(pg_backend_pid())`,
  });
  await expect(migrate(database.url, schema, directory)).rejects.toThrow("Migration 0001_first.sql failed");
  expect(await select(`select to_regclass('${schema}.steps') as value`)).toEqual([null]);
});

test.each([
  [{ "0002_second.sql": "" }, "Migration 0002_second.sql must be named 0001_<words>.sql"],
  [{ "0001_first.sql": "", "0003_third.sql": "" }, "Migration 0003_third.sql must be named 0002_<words>.sql"],
  [{ "0001_a.sql": "", "0001_b.sql": "" }, "Migration 0001_b.sql must be named 0002_<words>.sql"],
  [{ "0001_First One.sql": "" }, "Migration 0001_First One.sql must be named 0001_<words>.sql"],
])("a gap, a number taken twice or another form of name is refused: %j", async (files, message) => {
  const { directory } = await folder(files);
  await expect(readMigrations(directory)).rejects.toThrow(message);
});
