import { createRemoteJWKSet, decodeJwt, jwtVerify, type JWTPayload } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bearer, cookieOf, startIdentity, type IdentityHarness } from "./harness.ts";

const ISSUER = "http://127.0.0.1:8786";
let identity: IdentityHarness;

beforeAll(async () => {
  identity = await startIdentity();
});
afterAll(() => identity.stop());

async function jwtOf(sessionToken: string): Promise<string> {
  const { json } = await identity.call("/api/auth/token", bearer(sessionToken));
  return String(json.token);
}

async function verify(token: string, options: { audience?: string; issuer?: string; currentDate?: Date } = {}): Promise<JWTPayload> {
  const keys = createRemoteJWKSet(new URL(`${identity.url}/api/auth/jwks`));
  return (await jwtVerify(token, keys, { issuer: ISSUER, audience: "whs", ...options })).payload;
}

describe("tokens", () => {
  test("a script signs up, signs in and gets a token that any OIDC consumer verifies against the published keys", async () => {
    const user = await identity.signUp();
    const signedIn = await identity.call("/api/auth/sign-in/email", { json: { email: user.email, password: user.password } });
    expect(signedIn.status).toBe(200);
    const payload = await verify(await jwtOf(String(signedIn.json.token)));
    expect(payload).toMatchObject({ iss: ISSUER, aud: "whs", email: user.email });
    expect(payload.name).toMatch(/^User \d+$/);
    expect(Number(payload.exp) - Number(payload.iat)).toBe(15 * 60);
  });

  test("the subject is the same for every session of a user and differs between users", async () => {
    const [user, other] = [await identity.signUp(), await identity.signUp()];
    const { json } = await identity.call("/api/auth/sign-in/email", { json: { email: user.email, password: user.password } });
    const subjects = await Promise.all(
      [user.token, String(json.token), other.token].map(async (token) => decodeJwt(await jwtOf(token)).sub),
    );
    expect(subjects[1]).toBe(subjects[0]);
    expect(subjects[2]).not.toBe(subjects[0]);
  });

  test("a token with one changed character is refused", async () => {
    const { token } = await identity.signUp();
    const [header, payload = "", signature] = (await jwtOf(token)).split(".");
    const middle = Math.floor(payload.length / 2);
    const changed = payload.slice(0, middle) + (payload[middle] === "A" ? "B" : "A") + payload.slice(middle + 1);
    await expect(verify([header, changed, signature].join("."))).rejects.toThrow("signature verification failed");
  });

  test("a token is refused after its fifteen minutes, for another audience and for another issuer", async () => {
    const { token } = await identity.signUp();
    const jwt = await jwtOf(token);
    await expect(verify(jwt, { currentDate: new Date(Date.now() + 14 * 60_000) })).resolves.toBeDefined();
    await expect(verify(jwt, { currentDate: new Date(Date.now() + 16 * 60_000) })).rejects.toThrow('"exp"');
    await expect(verify(jwt, { audience: "someone else" })).rejects.toThrow('"aud"');
    await expect(verify(jwt, { issuer: "https://example.com" })).rejects.toThrow('"iss"');
  });

  test("discovery names the issuer and the place of the keys", async () => {
    const { json } = await identity.call("/.well-known/openid-configuration");
    expect(json).toMatchObject({ issuer: ISSUER, jwks_uri: `${ISSUER}/api/auth/jwks`, id_token_signing_alg_values_supported: ["ES256"] });
  });

  test("published keys hold no private part", async () => {
    const { token } = await identity.signUp();
    await jwtOf(token);
    const { json } = await identity.call("/api/auth/jwks");
    expect(json.keys).not.toEqual([]);
    for (const key of json.keys as object[]) expect(Object.keys(key)).not.toContain("d");
  });
});

describe("sessions", () => {
  test("a signed-out session gets no token any more, and no other session suffers", async () => {
    const user = await identity.signUp();
    const { json } = await identity.call("/api/auth/sign-in/email", { json: { email: user.email, password: user.password } });
    const other = String(json.token);
    await identity.call("/api/auth/sign-out", { json: {}, ...bearer(user.token) });
    expect((await identity.call("/api/auth/token", bearer(user.token))).status).toBe(401);
    expect((await identity.call("/api/auth/token", bearer(other))).status).toBe(200);
  });

  test("a revoked session gets no token any more", async () => {
    const user = await identity.signUp();
    const revoked = await identity.call("/api/auth/revoke-sessions", { json: {}, ...bearer(user.token) });
    expect(revoked.status).toBe(200);
    expect((await identity.call("/api/auth/token", bearer(user.token))).status).toBe(401);
  });

  test("an expired session gets no token", async () => {
    const user = await identity.signUp();
    await identity.query(`UPDATE auth.session SET "expiresAt" = now() - interval '1 second' WHERE token = $1`, [user.token]);
    expect((await identity.call("/api/auth/token", bearer(user.token))).status).toBe(401);
  });

  test("a made-up session token and none at all get no token", async () => {
    expect((await identity.call("/api/auth/token", bearer("aGBJWir3oyuYZVpx2bRM3yOr3s8mCJfx"))).status).toBe(401);
    expect((await identity.call("/api/auth/token")).status).toBe(401);
  });

  test("the session cookie is out of reach for scripts and other sites, and good for a token", async () => {
    const answer = await identity.call("/api/auth/sign-up/email", {
      json: { email: "cookie@example.com", password: "a long password", name: "Cookie" },
    });
    expect(answer.headers.getSetCookie()[0]).toMatch(/; HttpOnly; SameSite=Lax$/);
    expect((await identity.call("/api/auth/token", { headers: { cookie: cookieOf(answer) } })).status).toBe(200);
  });

  test("a script that keeps cookies signs in again although it sends no origin", async () => {
    const user = await identity.signUp();
    const json = { email: user.email, password: user.password };
    const cookie = cookieOf(await identity.call("/api/auth/sign-in/email", { json }));
    expect((await identity.call("/api/auth/sign-in/email", { json, headers: { cookie } })).status).toBe(200);
  });
});

describe("refusals", () => {
  test("a wrong password and an unknown address get the same answer", async () => {
    const { email } = await identity.signUp();
    const wrong = await identity.call("/api/auth/sign-in/email", { json: { email, password: "not the password" } });
    const unknown = await identity.call("/api/auth/sign-in/email", { json: { email: "nobody@example.com", password: "not the password" } });
    expect(wrong.status).toBe(401);
    expect([unknown.status, unknown.text]).toEqual([wrong.status, wrong.text]);
  });

  test("ten wrong passwords close an account to that address, also when they come at once and for the right one", async () => {
    const { email, password } = await identity.signUp();
    const attempt = (guess: string) => identity.call("/api/auth/sign-in/email", { json: { email, password: guess } });
    const statuses = (await Promise.all(Array.from({ length: 14 }, () => attempt("not the password")))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(4);
    const refused = await attempt(password);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  test("a right password clears what was counted before", async () => {
    const { email, password } = await identity.signUp();
    const attempt = async (guess: string) => (await identity.call("/api/auth/sign-in/email", { json: { email, password: guess } })).status;
    for (let round = 0; round < 2; round += 1) {
      for (let guess = 0; guess < 9; guess += 1) expect(await attempt("not the password")).toBe(401);
      expect(await attempt(password)).toBe(200);
    }
  });

  test.each([
    { password: "seven77", name: "X", email: "short@example.com" },
    { password: "x".repeat(129), name: "X", email: "long@example.com" },
    { password: "a long password", name: "X", email: "not an address" },
    { password: "a long password", email: "nameless@example.com" },
  ])("sign-up refuses $email", async (json) => {
    const { status } = await identity.call("/api/auth/sign-up/email", { json });
    expect(status).toBe(400);
  });

  test("an address signs up once, whatever its capitals", async () => {
    const { email } = await identity.signUp();
    const again = await identity.call("/api/auth/sign-up/email", {
      json: { email: email.toUpperCase(), password: "a long password", name: "Again" },
    });
    expect(again.status).toBe(422);
  });

  test.each(["https://evil.example", "null"])("a browser on a page of %s can neither sign in nor act with the cookie", async (origin) => {
    const user = await identity.signUp();
    const json = { email: user.email, password: user.password };
    const cookie = cookieOf(await identity.call("/api/auth/sign-in/email", { json }));
    expect((await identity.call("/api/auth/sign-in/email", { json, headers: { origin } })).status).toBe(403);
    expect((await identity.call("/api/auth/sign-out", { json: {}, headers: { origin, cookie } })).status).toBe(403);
    expect((await identity.call("/api/auth/token", { headers: { cookie } })).status).toBe(200);
  });

  test("no answer lets a page of another origin read it", async () => {
    const { headers } = await identity.call("/api/auth/get-session", { headers: { origin: "https://evil.example" } });
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });

  test("a body over the limit is refused before it is read", async () => {
    const { status } = await identity.call("/api/auth/sign-up/email", { json: { name: "x".repeat(40_000) } });
    expect(status).toBe(413);
  });

  test("a client cannot name its own address to escape a limit", async () => {
    const { email } = await identity.signUp();
    const attempt = (index: number) => {
      const headers = { "x-forwarded-for": `198.51.100.${index}`, "x-identity-client-address": `198.51.100.${index}` };
      return identity.call("/api/auth/sign-in/email", { json: { email, password: "not the password" }, headers });
    };
    for (let index = 0; index < 10; index += 1) expect((await attempt(index)).status).toBe(401);
    expect((await attempt(10)).status).toBe(429);
  });
});

test("passwords are stored as scrypt hashes", async () => {
  const { password } = await identity.signUp();
  const rows = await identity.query("SELECT password FROM auth.account");
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) expect(String(row.password)).toMatch(/^[0-9a-f]{32}:[0-9a-f]{128}$/);
  expect(JSON.stringify(rows)).not.toContain(password);
});

test("private keys are encrypted at rest", async () => {
  const { token } = await identity.signUp();
  await jwtOf(token);
  const [row] = await identity.query(`SELECT "privateKey" FROM auth.jwks`);
  expect(String(row?.privateKey)).not.toContain('"d"');
});

test("a second server on the same database starts beside the first and accepts its sessions", async () => {
  const { token } = await identity.signUp();
  const second = await startIdentity({ DATABASE_URL: identity.databaseUrl });
  try {
    expect((await second.call("/api/auth/token", bearer(token))).status).toBe(200);
  } finally {
    await second.stop();
  }
});
