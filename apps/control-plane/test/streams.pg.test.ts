// Longer than a file usually is: one feature on one set of cells and gateways, which are slow to start.
import { openDatabase } from "@whs/platform/db";
import { newId } from "@whs/platform/ids";
import { createLogger } from "@whs/platform/log";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type App, createApp } from "../src/app.ts";
import type { Schema } from "../src/database.ts";
import { deleteExpiredStreams } from "../src/features/invocations/index.ts";
import { createAgent, deploy } from "./deploy.ts";
import { bytesOf, type EventReader, openReader, parseEvents, textOf, type WireEvent } from "./event-reader.ts";
import { type GatewayProcess, startGatewayProcess } from "./gateway-process.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

/** Says "1 ", "2 ", … with a pause before each but the first: `{ count, everyMs, size? }`. */
const pacer = `export default { async *invoke({ messages }: any) {
  const { count, everyMs, size = 0 } = JSON.parse(messages.at(-1).content);
  for (let n = 1; n <= count; n++) {
    if (n > 1) await new Promise((resolve) => setTimeout(resolve, everyMs));
    yield n + "." + "é".repeat(size) + " ";
  }
} };`;

let plane: TestControlPlane;
let second: { app: App; url: string };
let person: TestUser;
let agentId: string;
const processes: GatewayProcess[] = [];

beforeAll(async () => {
  plane = await startControlPlane({
    dataPlane: true,
    environment: { WHS_HEARTBEAT_SECONDS: "1", WHS_STREAM_GRACE_SECONDS: "3", WHS_INVOKE_TIMEOUT_SECONDS: "60" },
  });
  person = await plane.user();
  await person.request("GET", "/v1/me");
  await plane.pool.query("update whs.users set subscription_tier = 'enterprise'");
  // The plan is part of what is remembered of a credential; a new one is looked up anew.
  const token = await plane.issuer.sign({ sub: person.externalId, email: `${person.externalId}@example.com`, name: "again" });
  person = { ...person, token, request: plane.as(token) };
  agentId = await createAgent(person, "pacer");
  await deploy(person, agentId, pacer);
  const app = await createApp(plane.config, createLogger({ name: "second", level: "warn" }));
  second = { app, url: await app.server.listen({ host: "127.0.0.1", port: 0 }) };
});
afterAll(async () => {
  for (const one of processes) await one.stop("SIGKILL");
  await second?.app.close();
  await plane?.close();
});

interface Pace {
  count: number;
  everyMs: number;
  size?: number;
}

const start = (pace: Pace, options: { at?: string; detach?: boolean } = {}): Promise<EventReader> =>
  openReader(`${options.at ?? plane.url}/v1/invoke/${agentId}/stream`, {
    method: "POST",
    headers: { authorization: `Bearer ${person.token}`, "content-type": "application/json" },
    body: JSON.stringify({ input: { prompt: JSON.stringify(pace) }, options: { detach: options.detach ?? false } }),
  });

const resume = (streamId: string, after: string | number | undefined, options: { at?: string; agent?: string; token?: string } = {}) =>
  openReader(`${options.at ?? plane.url}/v1/invoke/${options.agent ?? agentId}/stream/${streamId}`, {
    headers: {
      authorization: `Bearer ${options.token ?? person.token}`,
      "x-trace-id": "the-same-trace",
      ...(after === undefined ? {} : { "last-event-id": String(after) }),
    },
  });

async function idOf(reader: EventReader): Promise<string> {
  const [meta] = await reader.take(1);
  return String(meta?.data["streamId"]);
}

const streamRow = async (streamId: string) =>
  (await plane.pool.query("select status, last_event_id from whs.streams where id = $1", [streamId])).rows[0] as
    | { status: string; last_event_id: number }
    | undefined;

const stored = (streamId: string, count: number) =>
  expect.poll(async () => (await streamRow(streamId))?.last_event_id ?? 0, { interval: 20 }).toBeGreaterThanOrEqual(count);

const ended = (streamId: string) => expect.poll(async () => (await streamRow(streamId))?.status, { interval: 20 }).toBe("done");

const invocationOf = async (events: readonly WireEvent[]) => {
  const traceId = events[0]?.data["traceId"];
  let rows: { status_code: number; error_code: string | null }[] = [];
  await expect
    .poll(async () => {
      ({ rows } = await plane.pool.query("select status_code, error_code from whs.invocations where trace_id = $1", [traceId]));
      return rows.length;
    })
    .toBe(1);
  return rows[0];
};

describe("a stream that is resumed", () => {
  it("goes on after any event, byte for byte, at any gateway, once it has ended", async () => {
    const first = await start({ count: 5, everyMs: 20 });
    const whole = await first.rest();
    const streamId = await idOf(first);
    expect(whole.at(-1)?.event).toBe("done");
    await ended(streamId);
    for (const at of [plane.url, second.url]) {
      expect((await (await resume(streamId, undefined, { at })).rest()).map(({ bytes }) => bytes)).toEqual(whole.map(({ bytes }) => bytes));
      for (let after = 0; after <= whole.length; after++) {
        const reader = await resume(streamId, after, { at });
        expect(reader.response.status).toBe(200);
        expect(reader.response.headers.get("content-type")).toContain("text/event-stream");
        expect(bytesOf(await reader.rest())).toBe(bytesOf(whole.slice(after)));
      }
    }
  });

  it("is followed to its end while it runs, here and at another gateway, by several at once", async () => {
    const first = await start({ count: 40, everyMs: 25 });
    const streamId = await idOf(first);
    await first.take(4);
    const others = await Promise.all([
      resume(streamId, 2),
      resume(streamId, undefined),
      resume(streamId, 3, { at: second.url }),
      resume(streamId, undefined, { at: second.url }),
    ]);
    const [whole, ...rest] = await Promise.all([first.rest(), ...others.map((reader) => reader.rest())]);
    expect(textOf(whole)).toBe(Array.from({ length: 40 }, (_, n) => `${n + 1}. `).join(""));
    expect(rest.map(bytesOf)).toEqual([2, 0, 3, 0].map((after) => bytesOf(whole.slice(after))));
  });

  it("runs the agent once and counts once", async () => {
    const first = await start({ count: 3, everyMs: 10 });
    const whole = await first.rest();
    const streamId = await idOf(first);
    await ended(streamId);
    await Promise.all([1, 2, 3].map(async (after) => (await resume(streamId, after, { at: second.url })).rest()));
    expect(await invocationOf(whole)).toEqual({ status_code: 200, error_code: null });
    await expect
      .poll(
        async () =>
          (
            await plane.pool.query("select sum(requests)::int as n from whs.metrics_events where trace_id = $1", [
              whole[0]?.data["traceId"],
            ])
          ).rows[0].n,
      )
      .toBe(1);
  });

  it("is not found when it is unknown, somebody else's, of another agent or expired, always with the same answer", async () => {
    const first = await start({ count: 1, everyMs: 0 });
    await first.rest();
    const streamId = await idOf(first);
    await ended(streamId);
    const stranger = await plane.user("stranger");
    const otherAgent = await createAgent(person, "another");
    const answerTo = async (reader: EventReader) => {
      await reader.rest();
      return { status: reader.response.status, text: reader.text };
    };
    const unknown = await answerTo(await resume(newId("str"), undefined));
    expect(unknown).toMatchObject({ status: 404, text: expect.stringContaining('"NOT_FOUND"') });
    expect(await answerTo(await resume("nonsense", undefined))).toEqual(unknown);
    expect(await answerTo(await resume(streamId, 1, { token: stranger.token }))).toEqual(unknown);
    expect(await answerTo(await resume(streamId, 1, { agent: otherAgent }))).toEqual(unknown);
    await plane.pool.query("update whs.streams set expires_at = now() where id = $1", [streamId]);
    expect(await answerTo(await resume(streamId, 1))).toEqual(unknown);
  });

  it("of somebody else is not found while it runs here either", async () => {
    const first = await start({ count: 30, everyMs: 50 });
    const stranger = await plane.user("stranger");
    const reader = await resume(await idOf(first), 1, { token: stranger.token });
    expect(reader.response.status).toBe(404);
    first.leave();
  });

  it("can be resumed for five minutes after its last event", async () => {
    const first = await start({ count: 1, everyMs: 0 });
    await first.rest();
    const streamId = await idOf(first);
    await ended(streamId);
    const { rows } = await plane.pool.query(
      "select extract(epoch from expires_at - now())::float8 as seconds from whs.streams where id = $1",
      [streamId],
    );
    expect(rows[0].seconds).toBeGreaterThan(200);
    expect(rows[0].seconds).toBeLessThanOrEqual(300);
  });

  it.each(["abc", "-1", "1.5", "", "1 2", "4294967296", "99999999999", "77"])("refuses Last-Event-ID %j", async (after) => {
    const first = await start({ count: 1, everyMs: 0 });
    await first.rest();
    const streamId = await idOf(first);
    await ended(streamId);
    const reader = await resume(streamId, after);
    await reader.rest();
    expect(reader.response.status).toBe(400);
    expect(JSON.parse(reader.text)).toMatchObject({
      error: { code: "INVALID_REQUEST", details: { fields: [{ fieldName: "Last-Event-ID" }] } },
    });
  });
});

// All of these wait, for seconds: each has a stream of its own.
describe.concurrent("a reader that leaves", () => {
  it("and does not come back cancels the agent", async () => {
    const first = await start({ count: 1000, everyMs: 50 });
    const streamId = await idOf(first);
    const seen = await first.take(3);
    first.leave();
    await ended(streamId);
    const whole = await (await resume(streamId, undefined)).rest();
    expect(whole.at(-1)).toMatchObject({ event: "error", data: { error: { code: "RUNTIME_ERROR", retryable: true } } });
    expect(bytesOf(whole)).toContain(bytesOf(seen));
    expect(await invocationOf(whole)).toMatchObject({ error_code: "RUNTIME_ERROR" });
  });

  it("lets a detached agent finish", async () => {
    const first = await start({ count: 100, everyMs: 50 }, { detach: true });
    const streamId = await idOf(first);
    first.leave();
    await ended(streamId);
    expect((await (await resume(streamId, undefined)).rest()).at(-1)?.event).toBe("done");
  });

  it.each([["the same gateway", () => plane.url] as const, ["another gateway", () => second.url] as const])(
    "and comes back in time to %s finds the agent running to its end",
    async (_name, at) => {
      const first = await start({ count: 100, everyMs: 50 });
      const streamId = await idOf(first);
      const seen = await first.take(3);
      first.leave();
      const back = await resume(streamId, seen.length, { at: at() });
      const rest = await back.rest();
      expect(rest.at(-1)?.event).toBe("done");
      expect(textOf([...seen, ...rest])).toBe(Array.from({ length: 100 }, (_, n) => `${n + 1}. `).join(""));
    },
  );

  it("while another one stays does not matter", async () => {
    const first = await start({ count: 100, everyMs: 50 });
    const streamId = await idOf(first);
    const stays = await resume(streamId, 0);
    first.leave();
    expect((await stays.rest()).at(-1)?.event).toBe("done");
  });
});

describe("a connection", () => {
  it("of a silent agent is kept open by comments, which no event shows", async () => {
    const reader = await start({ count: 2, everyMs: 2_500 });
    await reader.until(": heartbeat\n\n");
    const events = await reader.rest();
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
    expect(textOf(events)).toBe("1. 2. ");
  });

  it("that takes nothing does not hold the agent up, and gets every byte when it reads again", async () => {
    const before = await newestStream();
    const { hostname, port } = new URL(plane.url);
    const body = JSON.stringify({ input: { prompt: JSON.stringify({ count: 3_000, everyMs: 0, size: 600 }) } });
    const socket = connect({ host: hostname, port: Number(port) });
    socket.write(
      `POST /v1/invoke/${agentId}/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${person.token}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
    socket.pause();
    let streamId = before;
    await expect.poll(async () => (streamId = await newestStream())).not.toBe(before);
    await ended(streamId ?? "");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => void chunks.push(chunk));
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
    const slow = parseEvents(unchunk(Buffer.concat(chunks)));
    expect(slow.at(-1)?.event).toBe("done");
    expect(textOf(slow)).toBe(Array.from({ length: 3_000 }, (_, n) => `${n + 1}.${"é".repeat(600)} `).join(""));
    expect(bytesOf(await (await resume(streamId ?? "", undefined, { at: second.url })).rest())).toBe(bytesOf(slow));
  });
});

const newestStream = async (): Promise<string | undefined> =>
  (await plane.pool.query("select id from whs.streams order by id desc limit 1")).rows[0]?.id;

/** Body of an answer in chunked encoding (RFC 9112, 7.1). */
function unchunk(answer: Buffer): string {
  let at = answer.indexOf("\r\n\r\n") + 4;
  const parts: Buffer[] = [];
  for (;;) {
    const lineEnd = answer.indexOf("\r\n", at);
    const size = Number.parseInt(answer.toString("latin1", at, lineEnd), 16);
    if (!(size > 0)) return Buffer.concat(parts).toString("utf8");
    parts.push(answer.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

describe("the store", () => {
  it("holds nothing of what agents say in clear, and drops it with the stream", async () => {
    const first = await start({ count: 1, everyMs: 0, size: 50 });
    await first.rest();
    const streamId = await idOf(first);
    await ended(streamId);
    const { rows } = await plane.pool.query("select frame from whs.stream_events where stream_id = $1", [streamId]);
    expect(rows.length).toBeGreaterThan(0);
    for (const { frame } of rows as { frame: Buffer }[]) {
      expect(frame.includes("ééé")).toBe(false);
      expect(frame.includes("delta")).toBe(false);
      expect(frame.includes(streamId)).toBe(false);
    }
    await plane.pool.query("update whs.streams set expires_at = now() - interval '1 second' where id = $1", [streamId]);
    const database = openDatabase<Schema>({
      url: plane.config.databaseUrl,
      applicationName: "test",
      log: createLogger({ name: "test", level: "warn" }),
    });
    await deleteExpiredStreams(database.kysely);
    await database.close();
    expect(await streamRow(streamId)).toBeUndefined();
    expect((await plane.pool.query("select 1 from whs.stream_events where stream_id = $1", [streamId])).rowCount).toBe(0);
  });
});

describe("a gateway that dies", () => {
  it("leaves its readers what was stored and then an error, at every other gateway the same", async () => {
    const dying = await startGatewayProcess(plane, { WHS_STREAM_GRACE_SECONDS: "30" });
    processes.push(dying);
    const first = await start({ count: 600, everyMs: 50 }, { at: dying.url });
    const streamId = await idOf(first);
    const seen = await first.take(5);
    await stored(streamId, 5);
    const elsewhere = await resume(streamId, 2, { at: second.url });
    await elsewhere.take(2);
    await dying.stop("SIGKILL");
    const rest = await elsewhere.rest();
    expect(bytesOf(rest)).toContain(bytesOf(seen.slice(2, 5)));
    expect(rest.at(-1)).toMatchObject({
      event: "error",
      data: { error: { code: "RUNTIME_ERROR", retryable: true }, traceId: seen[0]?.data["traceId"] },
    });
    expect(rest.map(({ id }) => id)).toEqual(rest.map((_, index) => index + 3));
    const whole = await (await resume(streamId, undefined)).rest();
    expect(bytesOf(whole.slice(2))).toBe(bytesOf(rest));
    // Whoever had more than was stored learns of the end all the same.
    const ahead = await (await resume(streamId, whole.length + 3)).rest();
    expect(ahead).toMatchObject([{ id: whole.length + 4, event: "error" }]);
  });
});

describe.concurrent("a gateway that stops", () => {
  it("finishes what ends soon, ends the rest with an error, and exits with 0", async () => {
    const stopping = await startGatewayProcess(plane);
    processes.push(stopping);
    const short = await start({ count: 30, everyMs: 50 }, { at: stopping.url });
    const long = await start({ count: 1_000, everyMs: 50 }, { at: stopping.url });
    const detached = await start({ count: 1_000, everyMs: 50 }, { at: stopping.url, detach: true });
    const [shortId, longId, detachedId] = [await idOf(short), await idOf(long), await idOf(detached)];
    detached.leave();
    const code = stopping.stop("SIGTERM");
    expect((await short.rest()).at(-1)?.event).toBe("done");
    const rest = await long.rest();
    expect(rest.at(-1)).toMatchObject({ event: "error", data: { error: { code: "RUNTIME_ERROR", retryable: true } } });
    expect(await code).toBe(0);
    expect(bytesOf(await (await resume(longId, undefined)).rest())).toBe(bytesOf(rest));
    expect((await (await resume(shortId, undefined)).rest()).at(-1)?.event).toBe("done");
    expect((await (await resume(detachedId, undefined)).rest()).at(-1)?.event).toBe("error");
  });

  it("lets readers of other gateways' streams go on elsewhere", async () => {
    const stopping = await startGatewayProcess(plane);
    processes.push(stopping);
    const first = await start({ count: 160, everyMs: 50 });
    const streamId = await idOf(first);
    const away = await resume(streamId, 0, { at: stopping.url });
    await away.take(3);
    expect(await stopping.stop("SIGTERM")).toBe(0);
    const seen = await away.rest();
    expect(["error", "done"]).not.toContain(seen.at(-1)?.event);
    const rest = await (await resume(streamId, seen.length)).rest();
    expect(bytesOf([...seen, ...rest])).toBe(bytesOf(await first.rest()));
  });

  it("ends the logs that are followed", async () => {
    const stopping = await startGatewayProcess(plane);
    processes.push(stopping);
    const { rows } = await plane.pool.query("select active_deployment_id as id from whs.agents where id = $1", [agentId]);
    const tail = await openReader(`${stopping.url}/v1/deployments/${rows[0].id}/logs?follow=true`, {
      headers: { authorization: `Bearer ${person.token}` },
    });
    await tail.take(1);
    expect(await stopping.stop("SIGTERM")).toBe(0);
    await tail.rest();
  });
});

describe("a followed log", () => {
  const follow = (deploymentId: string, limit = 5) =>
    openReader(`${plane.url}/v1/deployments/${deploymentId}/logs?follow=true&limit=${limit}`, {
      headers: { authorization: `Bearer ${person.token}` },
    });
  const write = (deploymentId: string, from: number, to: number) =>
    plane.pool.query(
      `insert into whs.agent_log_lines (day, id, deployment_id, agent_id, at, source, level, message)
       select current_date, line.id, $1, $2, now(), 'agent', 'info', line.message from unnest($3::text[], $4::text[]) as line (id, message)`,
      [
        deploymentId,
        agentId,
        Array.from({ length: to - from }, () => newId("lin")),
        Array.from({ length: to - from }, (_, n) => `line ${from + n}`),
      ],
    );
  const messages = (reader: EventReader) => reader.events.map(({ data }) => data["message"]);

  it("begins with the newest lines, shows each new one once and none that is older", async () => {
    const owned = await createAgent(person, "talker");
    const { id } = await deploy(person, owned, pacer);
    await expect
      .poll(
        async () =>
          (await plane.pool.query("select 1 from whs.agent_log_lines where deployment_id = $1 and message like '%is deployed.'", [id]))
            .rowCount,
      )
      .toBe(1);
    await write(id, 0, 700);
    const tail = await follow(id);
    await tail.take(5);
    await write(id, 700, 703);
    await tail.take(8);
    await tail.until(": heartbeat\n\n");
    expect(messages(tail)).toEqual(Array.from({ length: 8 }, (_, n) => `line ${695 + n}`));
    tail.leave();
  });

  it("is bounded in number, and a follower that leaves makes room", async () => {
    const { rows } = await plane.pool.query("select active_deployment_id as id from whs.agents where id = $1", [agentId]);
    const tails = await Promise.all(Array.from({ length: 10 }, () => follow(rows[0].id)));
    expect(tails.map(({ response }) => response.status)).toEqual(tails.map(() => 200));
    const refused = await follow(rows[0].id);
    expect(refused.response.status).toBe(429);
    tails[0]?.leave();
    await expect
      .poll(async () => {
        const next = await follow(rows[0].id);
        next.leave();
        return next.response.status;
      })
      .toBe(200);
    for (const tail of tails) tail.leave();
  });
});

describe("what an open protocol runs at one gateway", () => {
  const rpc = async (at: string, path: string, body: object, headers: Record<string, string> = {}): Promise<Response> => {
    const init = {
      authorization: `Bearer ${person.token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    };
    return fetch(at + path, { method: "POST", headers: { ...init, ...headers }, body: JSON.stringify({ jsonrpc: "2.0", ...body }) });
  };
  const forever = JSON.stringify({ count: 5_000, everyMs: 20 });

  it("is followed, looked at and cancelled at another: a task of A2A", async () => {
    const ask = async (at: string, method: string, params: object) =>
      (await (await rpc(at, `/a2a/${agentId}`, { id: 1, method, params })).json()) as { result: { task: object } };
    const message = { messageId: "1", role: "ROLE_USER", parts: [{ text: forever }] };
    const begun = await ask(plane.url, "SendMessage", { message, configuration: { returnImmediately: true } });
    const { id } = begun.result.task as { id: string };
    const followed = await rpc(second.url, `/a2a/${agentId}`, { id: 2, method: "SubscribeToTask", params: { id } });
    expect(await ask(second.url, "GetTask", { id })).toMatchObject({ result: { id, status: { state: "TASK_STATE_WORKING" } } });
    expect(await ask(second.url, "CancelTask", { id })).toMatchObject({ result: { id, status: { state: "TASK_STATE_CANCELED" } } });
    const events = (await followed.text()).match(/^data: .*$/gm) ?? [];
    expect(events.at(0)).toContain('"TASK_STATE_WORKING"');
    expect(events.at(-1)).toContain('"TASK_STATE_CANCELED"');
  });

  it("is cancelled at another: a call of MCP, by its own client alone", async () => {
    const traceId = `mcp-elsewhere-${newId("trc")}`;
    const params = { name: "pacer", arguments: { prompt: forever }, _meta: { progressToken: "t" } };
    const session = { "mcp-session-id": "mine" };
    const call = await rpc(plane.url, "/mcp", { id: 7, method: "tools/call", params }, { ...session, "x-trace-id": traceId });
    const cancel = (headers: Record<string, string>) =>
      rpc(second.url, "/mcp", { method: "notifications/cancelled", params: { requestId: 7 } }, headers);
    const reader = call.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; !text.includes("notifications/progress");) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      expect(done).toBe(false);
      text += value ?? "";
    }
    expect((await cancel({ "mcp-session-id": "another" })).status).toBe(202);
    // It goes on.
    for (let piece = 0; piece < 5; piece++) expect((await reader?.read())?.done).toBe(false);
    expect((await cancel(session)).status).toBe(202);
    let rest = "";
    for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read()) rest += piece.value;
    expect(rest).not.toContain('"id":7');
    await expect
      .poll(async () => (await plane.pool.query("select error_code from whs.invocations where trace_id = $1", [traceId])).rows)
      .toEqual([{ error_code: "RUNTIME_ERROR" }]);
  });
});
