import { createLogger } from "@whs/platform/log";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import { sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Database, openDatabase } from "./database.ts";

type Schema = Record<string, never>;
const logLines: string[] = [];
const log = createLogger({ name: "test", level: "trace", destination: { write: (line) => logLines.push(line) } });
let test1: TestDatabase;
let database: Database<Schema>;

beforeAll(async () => {
  test1 = await createTestDatabase();
  database = openDatabase<Schema>({ url: test1.url, applicationName: "database test", maxConnections: 2, log });
});
afterAll(async () => {
  await database.close();
  await test1.drop();
});

async function value(expression: string): Promise<unknown> {
  const { rows } = await sql<{ value: unknown }>`select ${sql.raw(expression)} as value`.execute(database.kysely);
  return rows[0]?.value;
}

test.each([
  ["9007199254740991::bigint", 9007199254740991],
  ["(-9007199254740991)::bigint", -9007199254740991],
  ["null::bigint", null],
  ["count(*)", 1],
  ["0.25::numeric", 0.25],
  ["(select sum(x) from (values (1::bigint), (2::bigint)) as v (x))", 3],
  ["1e300::float8", 1e300],
])("%s is the number %s", async (expression, expected) => {
  expect(await value(expression)).toBe(expected);
});

test.each([
  "9007199254740992::bigint",
  "(-9223372036854775808)::bigint",
  "(select sum(x) from (values (9007199254740991::bigint), (1::bigint)) as v (x))",
])("%s is refused, not rounded", async (expression) => {
  await expect(value(expression)).rejects.toThrow("does not fit into a number");
  expect(await value("1")).toBe(1);
});

test("a connection that breaks inside a transaction fails that transaction and nothing else", async () => {
  const killer = new pg.Client({ connectionString: test1.url });
  await killer.connect();
  const transaction = database.kysely.transaction().execute(async (inner) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(inner);
    await killer.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
    await expect.poll(() => logLines.join("")).toContain("A database connection broke");
    await sql`select 1`.execute(inner);
  });
  await expect(transaction).rejects.toThrow(/connection|terminated/i);
  expect(await value("1")).toBe(1);
  await killer.end();
});

test("an idle connection that breaks is replaced", async () => {
  await value("1");
  const killer = new pg.Client({ connectionString: test1.url });
  await killer.connect();
  await killer.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'database test'");
  await expect.poll(() => database.pool.totalCount).toBe(0);
  expect(await value("1")).toBe(1);
  await killer.end();
});

test("a database that cannot be reached is said to be unavailable, and worth another try", async () => {
  const url = new URL(test1.url);
  url.port = "1";
  const nowhere = openDatabase<Schema>({ url: url.href, applicationName: "nowhere", log });
  const failure = await sql`select 1`.execute(nowhere.kysely).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: "UNAVAILABLE",
    status: 503,
    retryable: true,
    headers: { "retry-after": "1" },
    cause: { code: "ECONNREFUSED" },
  });
  await nowhere.close();
});
