import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "./index.ts";

const created: TestDatabase[] = [];

afterAll(async () => {
  for (const database of created) await database.drop();
});

async function prepare(connectionString: string): Promise<void> {
  await query(connectionString, "CREATE TABLE things (id int PRIMARY KEY)");
  await query(connectionString, "INSERT INTO things VALUES (1)");
}

async function create(): Promise<TestDatabase> {
  const database = await createTestDatabase({ prepare });
  created.push(database);
  return database;
}

async function query(connectionString: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

test("each database starts from the prepared state and sees nothing of the others", async () => {
  const [first, second] = await Promise.all([create(), create()]);
  await query(first.url, "DELETE FROM things");
  expect(await query(first.url, "SELECT id FROM things")).toEqual([]);
  expect(await query(second.url, "SELECT id FROM things")).toEqual([{ id: 1 }]);
});

test("a dropped database is gone even while someone is connected", async () => {
  const database = await createTestDatabase({ prepare });
  const client = new pg.Client({ connectionString: database.url });
  const disconnected = new Promise((resolve) => client.on("error", resolve));
  await client.connect();
  await database.drop();
  await disconnected;
  await expect(query(database.url, "SELECT 1")).rejects.toThrow("does not exist");
});

test("the server is PostgreSQL 18", async () => {
  const database = await create();
  expect(await query(database.url, "SELECT current_setting('server_version_num')::int / 10000 AS major")).toEqual([{ major: 18 }]);
});
