import type { fleetprompt } from "@whs/api";
import { signV1, signV2 } from "@whs/platform/signatures";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redeemSecret, startMarketplace, type TestMarketplace } from "./harness.ts";
import { handOff, intent, offer, token } from "./offers.ts";

const ownSecret = "agentelic-secret-of-this-test-00001";
const formerSecret = "agentelic-former-secret-of-this-001";
const redeem = "/v1/internal/install/redeem";
const ack = "/v1/internal/install/ack";
const minuteMs = 60_000;

let market: TestMarketplace;
beforeAll(async () => {
  market = await startMarketplace({
    environment: {
      FLEETPROMPT_INTERNAL_REDEEM_SECRET_AGENTELIC: ownSecret,
      FLEETPROMPT_INTERNAL_REDEEM_SECRET_AGENTELIC_PREVIOUS: formerSecret,
    },
  });
});
afterAll(() => market.close());

const withoutId = (text: string): string => text.replace(/req_[0-9a-z]+/, "req");

async function counts(): Promise<Record<string, number>> {
  const tables = ["audit_log", "idempotency_keys", "install_tokens", "install_intents"];
  const entries = await Promise.all(
    tables.map(async (table): Promise<[string, number]> => {
      const { rows } = await market.pool.query<{ n: string }>(`select count(*) as n from fleetprompt.${table}`);
      return [table, Number(rows[0]?.n)];
    }),
  );
  return Object.fromEntries(entries);
}

describe("a token", () => {
  it("is redeemed once under fifty redeems at once", async () => {
    const { installToken } = await handOff(market);
    const whs = market.target("whs");
    const answers = await Promise.all(Array.from({ length: 50 }, () => whs(redeem, { installToken, targetSystem: "whs" })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 404)).toHaveLength(49);
  });

  it("gives fifty redeems at once with one key one and the same answer", async () => {
    const { installToken, listingId } = await handOff(market);
    const whs = market.target("whs");
    const headers = { "idempotency-key": randomUUID() };
    const answers = await Promise.all(Array.from({ length: 50 }, () => whs(redeem, { installToken, targetSystem: "whs" }, headers)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(({ text }) => withoutId(text))).size).toBe(1);
    const { rows } = await market.pool.query("select redemptions from fleetprompt.listing_stats_daily where listing_id = $1", [listingId]);
    expect(rows).toEqual([{ redemptions: "1" }]);
  });

  it("is good until the millisecond of its expiry, and not from then on", async () => {
    const first = await handOff(market);
    const ttlMs = 10 * minuteMs;
    const late = await token(first.buyer, first.intentId, { ttlMs });
    market.clock.advance(late.expiresAtMs - market.clock.now() - 1_500);
    const other = await handOff(market);
    expect((await market.target("whs")(redeem, { installToken: late.installToken, targetSystem: "whs" })).status).toBe(200);
    const { rows } = await market.pool.query("select expires_at from fleetprompt.install_tokens where intent_id = $1", [other.intentId]);
    const expiresAt = rows[0].expires_at as Date;
    market.clock.advance(expiresAt.getTime() - market.clock.now());
    expect((await market.target("whs")(redeem, { installToken: other.installToken, targetSystem: "whs" })).status).toBe(404);
  });

  it.each([10 * minuteMs, 60 * minuteMs, undefined])("lives for %s ms, half an hour where nothing is said", async (ttlMs) => {
    const { buyer, intentId } = await handOff(market);
    const before = market.clock.now();
    const { expiresAtMs } = await token(buyer, intentId, { ttlMs });
    expect(expiresAtMs).toBeGreaterThanOrEqual(before + (ttlMs ?? 30 * minuteMs));
    expect(expiresAtMs).toBeLessThanOrEqual(market.clock.now() + (ttlMs ?? 30 * minuteMs));
  });

  it.each([10 * minuteMs - 1, 60 * minuteMs + 1, "long"])("is not issued for %s ms", async (ttlMs) => {
    const { buyer, intentId } = await handOff(market);
    const answer = await buyer.request("POST", `/v1/install/intents/${intentId}/token`, { ttlMs });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { code: "VALIDATION_FAILED", details: { fields: [{ fieldName: "ttlMs" }] } } },
    });
  });

  it("that is unknown, used, revoked, expired, canceled, for another system or for another buyer is not found, with the same bytes", async () => {
    const whs = market.target("whs");
    const used = await handOff(market);
    await whs(redeem, { installToken: used.installToken, targetSystem: "whs" });
    const replaced = await handOff(market);
    const second = await token(replaced.buyer, replaced.intentId);
    const canceled = await handOff(market);
    await canceled.buyer.request("POST", `/v1/install/intents/${canceled.intentId}/cancel`);
    const elsewhere = await handOff(market, "agentromatic");
    const revoked = await handOff(market);
    await revoked.publisher.request("POST", `/v1/publisher/releases/${revoked.releaseId}/revoke`, { reason: "broken" });
    const unlisted = await handOff(market);
    await unlisted.publisher.request("POST", `/v1/publisher/listings/${unlisted.listingId}/status`, { status: "unlisted" });
    const good = await handOff(market);
    const bodies: Record<string, unknown>[] = [
      { installToken: `fpi_${"x".repeat(43)}`, targetSystem: "whs" },
      { installToken: used.installToken, targetSystem: "whs" },
      { installToken: replaced.installToken, targetSystem: "whs" },
      { installToken: canceled.installToken, targetSystem: "whs" },
      { installToken: elsewhere.installToken, targetSystem: "whs" },
      { installToken: elsewhere.installToken, targetSystem: "agentromatic" },
      { installToken: revoked.installToken, targetSystem: "whs" },
      { installToken: unlisted.installToken, targetSystem: "whs" },
      { installToken: good.installToken, targetSystem: "agentromatic" },
      { installToken: good.installToken, targetSystem: "whs", expectedBuyerExternalUserId: used.buyer.externalId },
    ];
    const answers = await Promise.all(bodies.map((body) => whs(redeem, body)));
    expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 404));
    expect(new Set(answers.map(({ text }) => withoutId(text))).size).toBe(1);
    // What was wrong about the request did not spend the token.
    const body = { installToken: good.installToken, targetSystem: "whs", expectedBuyerExternalUserId: good.buyer.externalId };
    expect((await whs(redeem, body)).status).toBe(200);
    expect((await whs(redeem, { installToken: second.installToken, targetSystem: "whs" })).status).toBe(200);
  });

  it("that was refused can be redeemed with the same key once the reason is gone", async () => {
    const { installToken, publisher, listingId } = await handOff(market);
    const path = `/v1/publisher/listings/${listingId}/status`;
    await publisher.request("POST", path, { status: "unlisted" });
    const whs = market.target("whs");
    const headers = { "idempotency-key": randomUUID() };
    expect((await whs(redeem, { installToken, targetSystem: "whs" }, headers)).status).toBe(404);
    await publisher.request("POST", path, { status: "published" });
    expect((await whs(redeem, { installToken, targetSystem: "whs" }, headers)).status).toBe(200);
    const again = await whs(redeem, { installToken, targetSystem: "whs" }, headers);
    expect(again.status).toBe(200);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    // Another body, another source or another key find a spent token.
    expect((await whs(redeem, { targetSystem: "whs", installToken }, headers)).status).toBe(404);
    expect((await market.target("agentromatic")(redeem, { installToken, targetSystem: "whs" }, headers)).status).toBe(404);
    expect((await whs(redeem, { installToken, targetSystem: "whs" }, { "idempotency-key": randomUUID() })).status).toBe(404);
  });

  it("is shown again to whoever repeats the request for it, and stored nowhere", async () => {
    const publisher = await market.publisher();
    const buyer = await market.user("buyer");
    const intentId = await intent(buyer, await offer(publisher));
    const headers = { "idempotency-key": randomUUID() };
    const path = `/v1/install/intents/${intentId}/token`;
    const first = await buyer.request<{ installToken: string; deepLink: string }>("POST", path, {}, headers);
    const again = await buyer.request("POST", path, {}, headers);
    expect(withoutId(again.text)).toBe(withoutId(first.text));
    expect(first.body.deepLink).toContain(intentId);
    expect(first.body.deepLink).not.toContain("fpi_");
    const { rows } = await market.pool.query<{ name: string }>(
      "select relname as name from pg_class where relnamespace = 'fleetprompt'::regnamespace and relkind = 'r'",
    );
    for (const { name } of rows) {
      const found = await market.pool.query(`select 1 from fleetprompt.${name} t where t::text like $1`, [`%${first.body.installToken}%`]);
      expect(found.rowCount).toBe(0);
    }
  });

  it("is in no log line, and in no other answer, whatever becomes of it", async () => {
    const { installToken, buyer, intentId } = await handOff(market);
    const whs = market.target("whs");
    const answers = [
      await whs(redeem, { installToken, targetSystem: "nowhere" }),
      await whs(redeem, `{"installToken":"${installToken}",`),
      await whs(redeem, { installToken, targetSystem: "agentelic" }),
      await market.target("whs", "a-secret-that-is-not-the-right-one-1")(redeem, { installToken, targetSystem: "whs" }),
      await whs(redeem, { installToken, targetSystem: "whs" }),
      await whs(redeem, { installToken, targetSystem: "whs" }),
      await buyer.request("GET", `/v1/install/intents/${intentId}`),
      await buyer.request("GET", "/v1/install/intents"),
      await market.anyone("GET", `/v1/public/listings/${installToken}`),
    ];
    expect(answers.map(({ text }) => text).join("\n")).not.toContain(installToken);
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 404, 401, 200, 404, 200, 200, 404]);
    expect(market.logLines.join("\n")).not.toMatch(/fpi_[\w-]{8}/);
  });
});

describe("an internal route", () => {
  it.each(["origin", "cookie", "sec-fetch-site"])("refuses a request with %s, however well it is signed", async (header) => {
    const { installToken, intentId } = await handOff(market);
    const whs = market.target("whs");
    for (const [path, body] of [
      [redeem, { installToken, targetSystem: "whs" }],
      [ack, { installIntentId: intentId, outcome: "installed", correlationId: "x" }],
    ] as const)
      expect(await whs(path, body, { [header]: "same-origin" })).toMatchObject({ status: 403, body: { error: { code: "UNAUTHORIZED" } } });
    expect((await whs(redeem, { installToken, targetSystem: "whs" })).status).toBe(200);
  });

  it("tells no browser that it may be called, even where others may", async () => {
    const open = await startMarketplace({ environment: { CORS_ORIGINS: "https://web.example.com" } });
    const ask = (path: string) =>
      open.anyone("OPTIONS", path, undefined, { origin: "https://web.example.com", "access-control-request-method": "POST" });
    expect((await ask("/v1/reports")).headers.get("access-control-allow-origin")).toBe("https://web.example.com");
    expect((await ask(redeem)).headers.get("access-control-allow-origin")).toBeNull();
    await open.close();
  });

  it("writes nothing, not even audit, when the signature is wrong", async () => {
    const { installToken } = await handOff(market);
    const before = await counts();
    const wrong = market.target("whs", "a-secret-that-is-not-the-right-one-1");
    const body = { installToken, targetSystem: "whs" };
    expect(await wrong(redeem, body, { "idempotency-key": "k" })).toMatchObject({
      status: 401,
      body: { error: { code: "UNAUTHENTICATED" } },
    });
    expect((await market.target("stranger")(redeem, body)).status).toBe(401);
    expect((await market.anyone("POST", redeem, body)).status).toBe(401);
    expect((await market.anyone("POST", ack, {})).status).toBe(401);
    // Bytes that are no JSON are refused by their signature, before they are parsed.
    expect((await wrong(redeem, "{")).status).toBe(401);
    expect(await counts()).toEqual(before);
  });

  it("takes v1 over the body, v2 over the whole request, and nothing that is changed by a byte", async () => {
    const { installToken } = await handOff(market);
    const body = JSON.stringify({ installToken, targetSystem: "whs" });
    const key = Buffer.from(redeemSecret);
    const timestamp = String(market.clock.now());
    const v2 = signV2(key, { timestamp, source: "whs", method: "POST", path: redeem, body });
    const send = (signature: string, sentBody = body, sentTimestamp = timestamp) =>
      market.anyone("POST", redeem, Buffer.from(sentBody), {
        "content-type": "application/json",
        "x-whs-delegation-source": "whs",
        "x-whs-delegation-timestamp": sentTimestamp,
        "x-whs-delegation-signature": signature,
      });
    expect((await send(v2, body.replace("{", "{ "))).status).toBe(401);
    expect((await send(v2, body, String(market.clock.now() + 1))).status).toBe(401);
    expect((await send(`${signV1(key, body)},v2=${"0".repeat(64)}`)).status).toBe(401);
    const old = String(market.clock.now() - 6 * minuteMs);
    expect((await send(signV1(key, body), body, old)).status).toBe(401);
    expect((await send(signV1(key, body))).status).toBe(200);
  });

  it("knows each source by its own key, and by the former one while it is replaced", async () => {
    for (const [secret, status] of [
      [ownSecret, 200],
      [formerSecret, 200],
      [redeemSecret, 401],
    ] as const) {
      const { installToken } = await handOff(market, "agentelic");
      expect((await market.target("agentelic", secret)(redeem, { installToken, targetSystem: "agentelic" })).status).toBe(status);
    }
  });

  it("takes no v1 where the whole must be signed", async () => {
    const strict = await startMarketplace({ environment: { FLEETPROMPT_REQUIRE_SIGNATURE_V2: "1" } });
    const { installToken } = await handOff(strict);
    const body = JSON.stringify({ installToken, targetSystem: "whs" });
    const headers = { "x-whs-delegation-signature": signV1(Buffer.from(redeemSecret), body) };
    expect((await strict.target("whs")(redeem, body, headers)).status).toBe(401);
    expect((await strict.target("whs")(redeem, body)).status).toBe(200);
    await strict.close();
  });
});

describe("an acknowledgement", () => {
  const body = (installIntentId: string, outcome: string, correlationId = "c1") => ({ installIntentId, outcome, correlationId });

  it("is the only thing by which an install counts as done, and may be repeated", async () => {
    const { installToken, buyer, intentId } = await handOff(market);
    const outcome = async () =>
      (await buyer.request<{ installIntent: fleetprompt.InstallIntent }>("GET", `/v1/install/intents/${intentId}`)).body.installIntent
        .outcome;
    const whs = market.target("whs");
    // Nothing to acknowledge before the token was redeemed.
    expect((await whs(ack, body(intentId, "installed"))).status).toBe(404);
    await whs(redeem, { installToken, targetSystem: "whs" });
    expect(await outcome()).toBeNull();
    expect((await whs(ack, body(intentId, "failed"))).status).toBe(200);
    expect(await outcome()).toBe("failed");
    expect((await whs(ack, body(intentId, "installed"))).status).toBe(200);
    expect((await whs(ack, body(intentId, "installed"))).status).toBe(200);
    expect(await outcome()).toBe("installed");
    expect((await whs(ack, body(intentId, "failed"))).status).toBe(409);
    const { rows } = await market.pool.query(
      "select metadata->>'outcome' as outcome from fleetprompt.audit_log where action = 'install.acknowledged' and target = $1 order by id",
      [intentId],
    );
    expect(rows).toEqual([{ outcome: "failed" }, { outcome: "installed" }]);
  });

  it("of another system's install is not found", async () => {
    const { installToken, intentId } = await handOff(market);
    await market.target("whs")(redeem, { installToken, targetSystem: "whs" });
    const foreign = await market.target("agentromatic")(ack, body(intentId, "installed"));
    const unknown = await market.target("agentromatic")(ack, body("int_unknown", "installed"));
    expect(foreign.status).toBe(404);
    expect(withoutId(foreign.text)).toBe(withoutId(unknown.text));
    expect((await market.target("whs")(ack, { ...body(intentId, "done") })).status).toBe(400);
  });
});
