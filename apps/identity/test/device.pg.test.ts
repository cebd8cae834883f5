import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bearer, cookieOf, startIdentity, type Answer, type IdentityHarness } from "./harness.ts";

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";
const ORIGIN = "http://127.0.0.1:8786";
let identity: IdentityHarness;

beforeAll(async () => {
  identity = await startIdentity();
});
afterAll(() => identity.stop());

async function start(): Promise<{ deviceCode: string; userCode: string }> {
  const { status, json } = await identity.call("/api/auth/device/code", { json: { client_id: "whs-cli" } });
  expect(status).toBe(200);
  return { deviceCode: String(json.device_code), userCode: String(json.user_code) };
}

async function poll(deviceCode: string, clientId = "whs-cli"): Promise<Answer> {
  // Waiting out the interval is the client's part; here the last poll simply was long ago.
  await identity.query(`UPDATE auth."deviceCode" SET "lastPolledAt" = NULL WHERE "deviceCode" = $1`, [deviceCode]);
  return identity.call("/api/auth/device/token", { form: { grant_type: GRANT_TYPE, device_code: deviceCode, client_id: clientId } });
}

async function signIn(): Promise<string> {
  const { email, password } = await identity.signUp();
  return cookieOf(await identity.call("/sign-in", { form: { email, password, next: "/" }, headers: { origin: ORIGIN } }));
}

function decide(userCode: string, decision: string, cookie: string): Promise<Answer> {
  return identity.call("/device", { form: { user_code: userCode, decision }, headers: { cookie, origin: ORIGIN } });
}

describe("the device flow", () => {
  test("a person approves in the browser and the waiting command line gets a session that is worth a token", async () => {
    const { deviceCode, userCode } = await start();
    expect((await poll(deviceCode)).json).toMatchObject({ error: "authorization_pending" });
    const cookie = await signIn();
    const page = await identity.call(`/device?user_code=${userCode}`, { headers: { cookie } });
    expect(page.status).toBe(200);
    expect(page.text).toContain(userCode);
    expect((await decide(userCode, "approve", cookie)).text).toContain("Device connected");
    const granted = await poll(deviceCode);
    expect(granted.status).toBe(200);
    expect((await identity.call("/api/auth/token", bearer(String(granted.json.access_token)))).status).toBe(200);
  });

  test("the token endpoint that discovery names redeems device codes, too", async () => {
    const { deviceCode, userCode } = await start();
    const cookie = await signIn();
    await identity.call(`/device?user_code=${userCode}`, { headers: { cookie } });
    await decide(userCode, "approve", cookie);
    const discovery = await identity.call("/.well-known/openid-configuration");
    const { pathname } = new URL(String(discovery.json.token_endpoint));
    const granted = await identity.call(pathname, { form: { grant_type: GRANT_TYPE, device_code: deviceCode, client_id: "whs-cli" } });
    expect([granted.status, typeof granted.json.access_token]).toEqual([200, "string"]);
  });

  test("an approved code is good for one session only", async () => {
    const { deviceCode, userCode } = await start();
    const cookie = await signIn();
    await identity.call(`/device?user_code=${userCode}`, { headers: { cookie } });
    await decide(userCode, "approve", cookie);
    expect((await poll(deviceCode)).status).toBe(200);
    expect((await poll(deviceCode)).json).toMatchObject({ error: "invalid_grant" });
  });

  test("a denied request gets no session", async () => {
    const { deviceCode, userCode } = await start();
    const cookie = await signIn();
    await identity.call(`/device?user_code=${userCode}`, { headers: { cookie } });
    expect((await decide(userCode, "deny", cookie)).text).toContain("Device denied");
    expect((await poll(deviceCode)).json).toMatchObject({ error: "access_denied" });
  });

  test("whoever polls too fast is told to slow down", async () => {
    const { deviceCode } = await start();
    const body = { json: { grant_type: GRANT_TYPE, device_code: deviceCode, client_id: "whs-cli" } };
    await identity.call("/api/auth/device/token", body);
    expect((await identity.call("/api/auth/device/token", body)).json).toMatchObject({ error: "slow_down" });
  });

  test("an expired code is neither shown for approval nor redeemed", async () => {
    const { deviceCode, userCode } = await start();
    await identity.query(`UPDATE auth."deviceCode" SET "expiresAt" = now() - interval '1 second' WHERE "userCode" = $1`, [userCode]);
    const page = await identity.call(`/device?user_code=${userCode}`, { headers: { cookie: await signIn() } });
    expect([page.status, page.text.includes('value="approve"')]).toEqual([400, false]);
    expect((await poll(deviceCode)).json).toMatchObject({ error: "expired_token" });
  });

  test("only the known client may start the flow, and only the client that started it redeems", async () => {
    const unknown = await identity.call("/api/auth/device/code", { json: { client_id: "someone" } });
    expect([unknown.status, unknown.json.error]).toEqual([400, "invalid_client"]);
    const { deviceCode } = await start();
    expect((await poll(deviceCode, "someone")).status).toBe(400);
  });

  test("whoever did not open the request cannot approve it", async () => {
    const { deviceCode, userCode } = await start();
    await identity.call(`/device?user_code=${userCode}`, { headers: { cookie: await signIn() } });
    expect((await decide(userCode, "approve", await signIn())).status).toBe(400);
    expect((await poll(deviceCode)).json).toMatchObject({ error: "authorization_pending" });
  });

  test("a page of another origin cannot approve", async () => {
    const { deviceCode, userCode } = await start();
    const cookie = await signIn();
    await identity.call(`/device?user_code=${userCode}`, { headers: { cookie } });
    for (const headers of [{ cookie, origin: "https://evil.example" }, { cookie, origin: "null" }, { cookie }]) {
      const { status } = await identity.call("/device", { form: { user_code: userCode, decision: "approve" }, headers });
      expect(status).toBe(403);
    }
    expect((await poll(deviceCode)).json).toMatchObject({ error: "authorization_pending" });
  });

  test("a visitor without a session signs in first and comes back to the same code", async () => {
    const { userCode } = await start();
    const sentAway = await identity.call(`/device?user_code=${userCode}`);
    expect([sentAway.status, sentAway.headers.get("location")]).toEqual([
      303,
      `/sign-in?next=${encodeURIComponent(`/device?user_code=${userCode}`)}`,
    ]);
    const { email, password } = await identity.signUp();
    const next = `/device?user_code=${userCode}`;
    const signedIn = await identity.call("/sign-in", { form: { email, password, next }, headers: { origin: ORIGIN } });
    expect([signedIn.status, signedIn.headers.get("location")]).toEqual([303, next]);
  });
});
