import { createHash } from "node:crypto";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cookieOf, startIdentity, type Answer, type IdentityHarness } from "./harness.ts";

const WEB = "https://console.example.com";
const REDIRECT_URI = `${WEB}/auth/callback`;
const VERIFIER = "a-verifier-of-the-tests-that-has-43-characters-at-least";
const CHALLENGE = createHash("sha256").update(VERIFIER).digest("base64url");
const REQUEST = {
  response_type: "code",
  client_id: "whs-web",
  redirect_uri: REDIRECT_URI,
  code_challenge: CHALLENGE,
  code_challenge_method: "S256",
  scope: "openid profile email",
  state: "the state",
  nonce: "the nonce",
};
const ISSUER = "http://127.0.0.1:8786";
let identity: IdentityHarness;

let person: { cookie: string; email: string };

beforeAll(async () => {
  identity = await startIdentity({ WEB_URL: WEB });
  person = await signIn();
});
afterAll(() => identity.stop());

function authorize(cookie?: string, changed: Record<string, string> = {}): Promise<Answer> {
  const query = new URLSearchParams({ ...REQUEST, ...changed }).toString();
  return identity.call(`/oauth/authorize?${query}`, { headers: cookie === undefined ? {} : { cookie } });
}

async function signIn(): Promise<{ cookie: string; email: string }> {
  const { email, password } = await identity.signUp();
  return {
    email,
    cookie: cookieOf(await identity.call("/sign-in", { form: { email, password, next: "/" }, headers: { origin: ISSUER } })),
  };
}

async function codeFor(cookie: string): Promise<string> {
  return new URL((await authorize(cookie)).headers.get("location") ?? "").searchParams.get("code") ?? "";
}

function redeem(code: string, changed: Record<string, string> = {}): Promise<Answer> {
  const form = {
    grant_type: "authorization_code",
    client_id: "whs-web",
    redirect_uri: REDIRECT_URI,
    code,
    code_verifier: VERIFIER,
    ...changed,
  };
  return identity.call("/oauth/token", { form });
}

const refresh = (token: string): Promise<Answer> =>
  identity.call("/oauth/token", { form: { grant_type: "refresh_token", client_id: "whs-web", refresh_token: token } });

describe("the authorization code flow", () => {
  test("a signed-in person comes back to the web app with a code that is worth tokens in their name", async () => {
    const { cookie, email } = person;
    const answer = await authorize(cookie);
    const location = new URL(answer.headers.get("location") ?? "");
    expect([answer.status, location.origin, location.pathname]).toEqual([303, WEB, "/auth/callback"]);
    expect([location.searchParams.get("state"), location.searchParams.get("iss")]).toEqual(["the state", ISSUER]);
    const { status, json } = await redeem(location.searchParams.get("code") ?? "");
    expect(status).toBe(200);
    const keys = createRemoteJWKSet(new URL(`${identity.url}/api/auth/jwks`));
    const access = await jwtVerify(String(json.access_token), keys, { issuer: ISSUER, audience: "whs" });
    const id = await jwtVerify(String(json.id_token), keys, { issuer: ISSUER, audience: "whs-web" });
    expect(access.payload.email).toBe(email);
    expect(id.payload).toMatchObject({ sub: access.payload.sub, email, nonce: "the nonce" });
  });

  test("a code is redeemed once", async () => {
    const code = await codeFor(person.cookie);
    expect((await redeem(code)).status).toBe(200);
    expect(await redeem(code)).toMatchObject({ status: 400, json: { error: "invalid_grant" } });
  });

  test("a code is worth nothing after its minute", async () => {
    const code = await codeFor(person.cookie);
    await identity.query("UPDATE identity.authorization_codes SET expires_at = now() - interval '1 second'");
    expect((await redeem(code)).json).toEqual({ error: "invalid_grant" });
  });

  test.each([
    ["another verifier", { code_verifier: "another-verifier-that-has-43-characters-at-least-too" }],
    ["another address", { redirect_uri: `${WEB}/elsewhere` }],
  ])("a code is worth nothing with %s, and is used up", async (_what, changed) => {
    const code = await codeFor(person.cookie);
    expect((await redeem(code, changed)).json).toEqual({ error: "invalid_grant" });
    expect((await redeem(code)).status).toBe(400);
  });

  test.each([
    ["another client", { client_id: "someone" }],
    ["another site", { redirect_uri: "https://evil.example/auth/callback" }],
    ["another path", { redirect_uri: `${REDIRECT_URI}/../elsewhere` }],
  ])("a request for %s is answered here, without a redirect", async (_what, changed) => {
    const answer = await authorize(person.cookie, changed);
    expect([answer.status, answer.headers.get("location")]).toEqual([400, null]);
  });

  test.each([
    ["without PKCE", { code_challenge: "" }],
    ["with plain PKCE", { code_challenge_method: "plain" }],
    ["for an implicit token", { response_type: "token" }],
  ])("a request %s gets no code", async (_what, changed) => {
    const location = new URL((await authorize(person.cookie, changed)).headers.get("location") ?? "");
    expect([location.searchParams.get("error"), location.searchParams.get("code")]).toEqual(["invalid_request", null]);
  });

  test("a visitor signs in, or up when asked so, and comes back to the same request", async () => {
    const location = (await authorize()).headers.get("location") ?? "";
    expect(location).toMatch(/^\/sign-in\?next=%2Foauth%2Fauthorize%3F/);
    expect((await authorize(undefined, { prompt: "create" })).headers.get("location")).toMatch(/^\/sign-up\?next=/);
    const next = new URL(location, ISSUER).searchParams.get("next") ?? "";
    const { email, password } = await identity.signUp();
    const signedIn = await identity.call("/sign-in", { form: { email, password, next }, headers: { origin: ISSUER } });
    expect(signedIn.headers.get("location")).toBe(next);
    expect((await identity.call(next, { headers: { cookie: cookieOf(signedIn) } })).headers.get("location")).toContain(REDIRECT_URI);
  });

  test("the session is worth new tokens until it is revoked", async () => {
    const { json } = await redeem(await codeFor((await signIn()).cookie));
    const session = String(json.refresh_token);
    expect((await refresh(session)).status).toBe(200);
    await identity.call("/oauth/revoke", { form: { token: session } });
    expect(await refresh(session)).toMatchObject({ status: 400, json: { error: "invalid_grant" } });
  });

  test("what is no session is worth nothing", async () => {
    expect((await refresh("nothing")).json).toEqual({ error: "invalid_grant" });
    expect((await refresh("not\r\na header")).json).toEqual({ error: "invalid_grant" });
  });
});
