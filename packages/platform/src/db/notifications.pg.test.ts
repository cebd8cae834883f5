import { createLogger } from "@whs/platform/log";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { type Notifications, openNotifications } from "./notifications.ts";

const logLines: string[] = [];
const log = createLogger({ name: "test", level: "trace", destination: { write: (line) => logLines.push(line) } });
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
let database: TestDatabase;
let client: pg.Client;
let names = 0;
/** `application_name` of the test's own connections. */
let applicationName: string;

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
  names += 1;
  applicationName = `notifications ${names}`;
});

async function open({ onReconnect = (): void => undefined, reconnectDelayMs = 100 } = {}): Promise<Notifications> {
  const notifications = await openNotifications({ url: database.url, applicationName, log, onReconnect, reconnectDelayMs });
  onTestFinished(() => notifications.close());
  return notifications;
}

async function connections(): Promise<number> {
  const { rowCount } = await client.query("select 1 from pg_stat_activity where application_name = $1", [applicationName]);
  return rowCount ?? 0;
}

async function breakConnections(): Promise<void> {
  await client.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", [applicationName]);
}

test("what one connection notifies, all that listen receive, in order and by channel", async () => {
  const [first, second] = [await open(), await open()];
  const received: string[][] = [[], []];
  await first.listen("one", (payload) => received[0]?.push(payload));
  await second.listen("one", (payload) => received[1]?.push(payload));
  await second.listen("Two words", (payload) => received[1]?.push(`two: ${payload}`));
  for (const payload of ["a", "b", ""]) await first.notify("one", payload);
  await first.notify("Two words", "c");
  await expect
    .poll(() => received)
    .toEqual([
      ["a", "b", ""],
      ["a", "b", "", "two: c"],
    ]);
});

test("after its backend is terminated it listens again, and says that something may have been missed", async () => {
  let reconnected = 0;
  const notifications = await open({ onReconnect: () => void (reconnected += 1) });
  const received: string[] = [];
  await notifications.listen("channel", (payload) => received.push(payload));
  for (const round of [1, 2]) {
    await breakConnections();
    await expect.poll(() => notifications.connected).toBe(false);
    await expect(notifications.notify("channel", "lost")).rejects.toThrow("The notification connection is broken");
    await expect.poll(() => reconnected).toBe(round);
    expect(notifications.connected).toBe(true);
    await notifications.notify("channel", `round ${round}`);
  }
  await expect.poll(() => received).toEqual(["round 1", "round 2"]);
  expect(await connections()).toBe(1);
});

test("a channel that is added while the connection is broken is listened to once it is back", async () => {
  const notifications = await open();
  await breakConnections();
  await expect.poll(() => notifications.connected).toBe(false);
  const received: string[] = [];
  await notifications.listen("late", (payload) => received.push(payload));
  await expect.poll(() => notifications.connected).toBe(true);
  await notifications.notify("late", "x");
  await expect.poll(() => received).toEqual(["x"]);
});

test("it tries again until the database lets it in", async () => {
  const notifications = await open();
  const received: string[] = [];
  await notifications.listen("channel", (payload) => received.push(payload));
  const name = new URL(database.url).pathname.slice(1);
  const admin = new pg.Client({ connectionString: new URL("/postgres", database.url).href });
  await admin.connect();
  onTestFinished(() => admin.end());
  await admin.query(`alter database ${name} with allow_connections false`);
  await breakConnections();
  await expect.poll(() => logLines.join("")).toContain("Cannot reconnect for notifications yet");
  expect(notifications.connected).toBe(false);
  await admin.query(`alter database ${name} with allow_connections true`);
  await expect.poll(() => notifications.connected).toBe(true);
  await notifications.notify("channel", "back");
  await expect.poll(() => received).toEqual(["back"]);
});

test("closing while it reconnects leaves no connection behind", async () => {
  for (let laterMs = 0; laterMs < 16; laterMs += 1) {
    const notifications = await open({ reconnectDelayMs: 1 });
    await breakConnections();
    while (notifications.connected) await nextTurn();
    // Ever later: before it begins, while it connects, when it is connected.
    const until = performance.now() + laterMs;
    while (performance.now() < until) await nextTurn();
    await notifications.close();
    expect(notifications.connected).toBe(false);
    await expect.poll(connections, { interval: 5 }).toBe(0);
  }
});

test("a server that cannot be reached fails the start", async () => {
  const url = new URL(database.url);
  url.port = "1";
  await expect(openNotifications({ url: url.href, applicationName, log, onReconnect: () => undefined })).rejects.toThrow("ECONNREFUSED");
});
