import { migrate } from "@whs/platform/db";
import { AppError, conflict, invalidRequest } from "@whs/platform/errors";
import type { IdempotentAnswer, IdempotentRequest } from "@whs/platform/http";
import { createTestDatabase, type TestDatabase } from "@whs/platform/testing";
import { Kysely, PostgresDialect } from "kysely";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { deleteExpiredAnswers } from "./index.ts";
import { type Context, createThing, openTestGuard, type TestGuard } from "./test-guard.ts";

const migrations = path.resolve(import.meta.dirname, "../../../../apps/control-plane/migrations");

async function prepare(url: string): Promise<void> {
  await migrate(url, "whs", migrations);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("create table public.things (name text not null check (name <> 'refused'))");
  await client.end();
}

let database: TestDatabase;
let shared: TestGuard;
/** Each test has a user of its own, so that none sees another's keys. */
let user: string;
let users = 0;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: [migrations], prepare });
  shared = openTestGuard(database.url);
});
afterAll(async () => {
  await shared.close();
  await database.drop();
});
beforeEach(() => {
  users += 1;
  user = `usr_${users}`;
});

function open(options: { claimSeconds?: number; waitMs?: number }): TestGuard {
  const opened = openTestGuard(database.url, options);
  onTestFinished(() => opened.close());
  return opened;
}

const request = (changes: Partial<IdempotentRequest> = {}): IdempotentRequest => ({
  method: "POST",
  path: "/v1/things",
  key: "key-1",
  requestHash: "hash-1",
  successStatus: 201,
  ...changes,
});
const create =
  (name: string, whileOpen?: () => Promise<void>) =>
  async (context: Context): Promise<IdempotentAnswer> => ({ status: 201, body: await createThing(context, name, whileOpen) });
const run = (work: (context: Context) => Promise<IdempotentAnswer>, changes: Partial<IdempotentRequest> = {}, by = shared) =>
  by.guard.run(by.contextOf(user), request(changes), work);

async function count(name: string): Promise<number> {
  return (await shared.pool.query("select 1 from public.things where name = $1", [name])).rowCount ?? 0;
}
async function row(): Promise<Record<string, unknown> | undefined> {
  return (await shared.pool.query<Record<string, unknown>>("select * from whs.idempotency_keys where scope = $1", [user])).rows[0];
}
const unreachable = (): Promise<never> => Promise.reject(new Error("The work ran again"));

test("the same key and body get the first answer, and the work is not done again", async () => {
  const first = await run(create("once"));
  expect(first).toEqual({ status: 201, body: { thing: { name: "once" } }, replayed: false });
  expect(await run(unreachable)).toEqual({ ...first, replayed: true });
  expect(await count("once")).toBe(1);
});

test("another body under the same key is a conflict for good", async () => {
  await run(create("first"));
  await expect(run(unreachable, { requestHash: "hash-2" })).rejects.toMatchObject({ code: "CONFLICT", retryable: false });
});

test.each([{ path: "/v1/things/2" }, { method: "PATCH" }, { key: "KEY-1" }])(
  "a key counts for its user, method, path and spelling only: %j",
  async (changes) => {
    await run(create("scoped"));
    expect(await run(create("scoped"), changes)).toMatchObject({ replayed: false });
    user = `${user}-other`;
    expect(await run(create("scoped"))).toMatchObject({ replayed: false });
  },
);

test("fifty duplicates at once do the work once and all get its answer", async () => {
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => run(create(`${user}-many`), { key: "many" }).then((answer) => ({ ...answer, index }))),
  );
  expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
  for (const { status, body } of answers) expect({ status, body }).toEqual({ status: 201, body: { thing: { name: `${user}-many` } } });
  expect(await count(`${user}-many`)).toBe(1);
});

test("fifty duplicates over two processes' pools do work outside a transaction once", async () => {
  const other = open({});
  let runs = 0;
  const work = async (): Promise<IdempotentAnswer> => ({ status: 200, body: { run: (runs += 1) } });
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => run(work, {}, index % 2 === 0 ? shared : other)));
  expect(runs).toBe(1);
  expect(answers.every(({ body }) => JSON.stringify(body) === '{"run":1}')).toBe(true);
});

test.each([
  invalidRequest([{ fieldName: "name", message: "is taken" }]),
  new AppError("UNAVAILABLE", "Busy."),
  conflict("Running.", { retryable: true }),
  new Error("a bug"),
])("what may come out otherwise the next time is not stored: %s", async (failure) => {
  await expect(run(() => Promise.reject(failure))).rejects.toBe(failure);
  expect(await row()).toBeUndefined();
  expect(await run(create("second attempt"), { requestHash: "corrected" })).toMatchObject({ replayed: false });
});

test.each([
  conflict("The name is taken.", { details: { name: "x" } }),
  new AppError("LIMIT_EXCEEDED", "No more."),
  new AppError("NOT_FOUND", "Agent not found."),
])("a final failure is stored like any answer: %s", async (failure) => {
  await expect(run(() => Promise.reject(failure))).rejects.toBe(failure);
  const { code, message, details } = failure;
  expect(await run(unreachable)).toEqual({
    status: failure.status,
    body: { error: { code, message, details, retryable: false } },
    replayed: true,
  });
});

test("a failure of the transaction leaves neither the work nor an answer", async () => {
  await expect(run(create("refused"))).rejects.toMatchObject({ code: "23514" });
  expect(await row()).toBeUndefined();
  expect(await run(create("accepted"))).toMatchObject({ replayed: false });
});

test("what fails after the commit does not undo it: the repeated request gets the stored answer", async () => {
  const work = async (context: Context): Promise<IdempotentAnswer> => {
    await createThing(context, `${user}-after`);
    throw new Error("cannot announce it");
  };
  await expect(run(work)).rejects.toThrow("cannot announce it");
  expect(await run(unreachable)).toEqual({ status: 201, body: { thing: { name: `${user}-after` } }, replayed: true });
});

test("a write without a result is done once all the same", async () => {
  const work = async (context: Context): Promise<IdempotentAnswer> => {
    await context.write({ action: "thing.touched" }, async () => undefined);
    throw new Error("afterwards");
  };
  await expect(run(work)).rejects.toThrow("afterwards");
  expect(await run(unreachable)).toEqual({ status: 201, body: undefined, replayed: true });
});

test("a broken connection in the transaction frees the key at once", async () => {
  const breakOff = create(`${user}-broken`, async () => {
    await shared.pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'guard' and state = 'idle in transaction'",
    );
  });
  await expect(run(breakOff)).rejects.toThrow(/terminat|connection/i);
  expect(await run(create(`${user}-broken`))).toMatchObject({ replayed: false });
  expect(await count(`${user}-broken`)).toBe(1);
});

test("a duplicate waits for the first; when that takes too long it is told to come back", async () => {
  const impatient = open({ waitMs: 0 });
  const held = Promise.withResolvers<void>();
  const first = run(create("slow", () => held.promise));
  await expect.poll(row).toMatchObject({ status: "running" });
  await expect(run(unreachable, {}, impatient)).rejects.toMatchObject({
    code: "CONFLICT",
    retryable: true,
    headers: { "retry-after": "1" },
  });
  const patient = run(unreachable);
  held.resolve();
  expect([(await first).replayed, (await patient).replayed]).toEqual([false, true]);
});

test("another body is refused while the first still runs", async () => {
  const held = Promise.withResolvers<void>();
  const first = run(create("slow", () => held.promise));
  await expect.poll(row).toMatchObject({ status: "running" });
  await expect(run(unreachable, { requestHash: "hash-2" })).rejects.toMatchObject({ code: "CONFLICT", retryable: false });
  held.resolve();
  await first;
});

test("work that outlasts its claim keeps it", async () => {
  const quick = open({ claimSeconds: 1.5 });
  const held = Promise.withResolvers<void>();
  const first = run(
    create("long", () => held.promise),
    {},
    quick,
  );
  await expect.poll(row).toMatchObject({ status: "running" });
  const claimedUntil = async (): Promise<number> => ((await row())?.["claimed_until"] as Date | undefined)?.getTime() ?? 0;
  const before = await claimedUntil();
  const duplicate = run(unreachable, {}, quick);
  // Until the first claim would have ended, while the duplicate asked for it again and again.
  await expect.poll(async () => (await claimedUntil()) - before).toBeGreaterThan(1500);
  held.resolve();
  expect([(await first).replayed, (await duplicate).replayed]).toEqual([false, true]);
});

test("whoever lost the claim cannot commit: the work happens once", async () => {
  const name = `${user}-lost`;
  const stolen = create(name, async () => {
    await shared.pool.query(
      "update whs.idempotency_keys set owner = gen_random_uuid(), claimed_until = now() - interval '1 second' where scope = $1",
      [user],
    );
  });
  await expect(run(stolen)).rejects.toMatchObject({ code: "CONFLICT", retryable: true });
  expect(await count(name)).toBe(0);
  expect(await run(create(name))).toMatchObject({ replayed: false });
  expect(await count(name)).toBe(1);
});

test("a stored answer cannot be read in the database", async () => {
  const sentinel = "sentinel-c0ffee";
  await run(create(sentinel), { key: "the-plain-key" });
  const { response, ...rest } = (await row()) ?? {};
  const stored = Buffer.concat([response as Buffer, Buffer.from(JSON.stringify(rest))]);
  for (const plain of [sentinel, "the-plain-key"]) {
    for (const form of [plain, Buffer.from(plain).toString("hex"), Buffer.from(plain).toString("base64url")])
      expect(stored.includes(form)).toBe(false);
  }
  expect(stored.length).toBeGreaterThan(200);
});

test("an answer that was changed, or moved to another key, is refused", async () => {
  await run(create("a"), { key: "a" });
  await run(create("b"), { key: "b" });
  await shared.pool.query(
    `update whs.idempotency_keys k set response = other.response from whs.idempotency_keys other
     where k.scope = $1 and other.scope = $1 and k.key_sha256 <> other.key_sha256`,
    [user],
  );
  await expect(run(unreachable, { key: "a" })).rejects.toThrow("unable to authenticate data");
  await shared.pool.query(
    "update whs.idempotency_keys set response = set_byte(response, 30, get_byte(response, 30) # 1) where scope = $1",
    [user],
  );
  await expect(run(unreachable, { key: "b" })).rejects.toThrow("unable to authenticate data");
});

test("after 24 hours the key is as good as new, and the answer is removed", async () => {
  await run(create("old"));
  const age = (interval: string) =>
    shared.pool.query(`update whs.idempotency_keys set expires_at = expires_at - interval '${interval}' where scope = $1`, [user]);
  const kysely = new Kysely({ dialect: new PostgresDialect({ pool: shared.pool }) });
  await age("23 hours 59 minutes");
  await deleteExpiredAnswers(kysely, "whs.idempotency_keys");
  expect(await run(unreachable)).toMatchObject({ replayed: true });
  await age("1 minute");
  expect(await run(create("new"), { requestHash: "hash-2" })).toMatchObject({ replayed: false, body: { thing: { name: "new" } } });
  await age("24 hours");
  await deleteExpiredAnswers(kysely, "whs.idempotency_keys");
  expect(await row()).toBeUndefined();
});

/** Runs a request in another process up to a point and kills that process there. */
async function killAt(point: "before commit" | "after commit", name: string): Promise<void> {
  const code = `
    import { createThing, openTestGuard } from ${JSON.stringify(new URL("./test-guard.ts", import.meta.url).href)};
    const { guard, contextOf } = openTestGuard(${JSON.stringify(database.url)}, { claimSeconds: 1 });
    const hang = () => new Promise(() => process.stdout.write("here"));
    await guard.run(contextOf(${JSON.stringify(user)}), ${JSON.stringify(request())}, async (context) => {
      const body = await createThing(context, ${JSON.stringify(name)}, ${point === "before commit" ? "hang" : "undefined"});
      ${point === "after commit" ? "await hang();" : ""}
      return { status: 201, body };
    });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  expect(await exit).toEqual([null, "SIGKILL"]);
}

test("a process that is killed after the commit and before the answer has stored it", async () => {
  const name = `${user}-killed`;
  await killAt("after commit", name);
  expect(await run(unreachable)).toEqual({ status: 201, body: { thing: { name } }, replayed: true });
  expect(await count(name)).toBe(1);
});

test("a process that is killed before the commit leaves nothing; when its claim ends, the repeated request does the work once", async () => {
  const name = `${user}-killed`;
  await killAt("before commit", name);
  const answers = await Promise.all([run(create(name)), run(create(name))]);
  expect(answers.map(({ replayed }) => replayed).toSorted()).toEqual([false, true]);
  expect(await count(name)).toBe(1);
});
