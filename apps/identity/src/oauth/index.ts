/**
 * The authorization code flow (RFC 6749 with PKCE, OpenID Connect Core) for the one web app of the installation. The grant is
 * the session of the person's browser: its token is the refresh token, so that signing out here or there ends both.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { createHash, timingSafeEqual } from "node:crypto";
import type pg from "pg";
import { z } from "zod";
import { type Auth, TOKEN_LIFETIME_SECONDS } from "../auth.ts";
import type { IdentityConfig } from "../config.ts";
import { type AuthGateway, sendResponse } from "../gateway.ts";
import { problemPage } from "../pages/forms.ts";
import type { AuthorizationCodes } from "./codes.ts";

const WEB_CLIENT_ID = "whs-web";
export const DEVICE_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";

export interface OauthDependencies {
  config: IdentityConfig;
  auth: Auth;
  pool: pg.Pool;
  codes: AuthorizationCodes;
  callAuth: AuthGateway;
}

const text = z.string().max(2000);
const clientSchema = z.object({ client_id: z.literal(WEB_CLIENT_ID), redirect_uri: text });
const requestSchema = z.object({
  response_type: z.literal("code"),
  code_challenge: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  code_challenge_method: z.literal("S256"),
  scope: text.optional(),
  state: text.optional(),
  nonce: text.optional(),
  prompt: text.optional(),
});
const tokenSchema = z.discriminatedUnion("grant_type", [
  z.object({
    grant_type: z.literal("authorization_code"),
    client_id: z.literal(WEB_CLIENT_ID),
    redirect_uri: text,
    code: text,
    code_verifier: z.string().regex(/^[A-Za-z0-9._~-]{43,128}$/),
  }),
  z.object({ grant_type: z.literal("refresh_token"), client_id: z.literal(WEB_CLIENT_ID), refresh_token: text }),
]);
const sessionSchema = z.object({ session: z.object({ id: z.string() }) });
const claimsSchema = z.object({
  sub: z.string(),
  iat: z.number(),
  exp: z.number(),
  iss: z.string(),
  email: z.string(),
  email_verified: z.boolean(),
  name: z.string(),
});
const jwtSchema = z.object({ token: z.string() });

export async function oauth(server: FastifyInstance, { config, auth, pool, codes, callAuth }: OauthDependencies): Promise<void> {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(body.toString())));
  });

  server.get("/oauth/authorize", async (request, reply) => {
    const client = clientSchema.safeParse(request.query);
    // Whoever is not the known client at its known address is answered here: a redirect would carry the person elsewhere.
    if (!client.success || client.data.redirect_uri !== config.webRedirectUri) return refuseClient(reply);
    const answer = answerTo(config.webRedirectUri, config.publicUrl);
    const { state } = z.object({ state: text.optional().catch(undefined) }).parse(request.query);
    const wanted = requestSchema.safeParse(request.query);
    if (!wanted.success) return reply.redirect(answer({ error: "invalid_request", state }), 303);
    const session = await sessionOf(request, callAuth);
    if (session === undefined) {
      if (wanted.data.prompt === "none") return reply.redirect(answer({ error: "login_required", state }), 303);
      const page = wanted.data.prompt === "create" ? "/sign-up" : "/sign-in";
      return reply.redirect(`${page}?next=${encodeURIComponent(request.url)}`, 303);
    }
    const code = await codes.issue({
      clientId: WEB_CLIENT_ID,
      redirectUri: config.webRedirectUri,
      codeChallenge: wanted.data.code_challenge,
      nonce: wanted.data.nonce ?? null,
      sessionId: session,
    });
    return reply.redirect(answer({ code, state }), 303);
  });

  server.post("/oauth/token", async (request, reply) => {
    if (isDeviceGrant(request.body)) {
      const body = JSON.stringify(request.body);
      return sendResponse(reply, await callAuth(request, { method: "POST", path: "/device/token", body, contentType: "application/json" }));
    }
    const wanted = tokenSchema.safeParse(request.body);
    if (!wanted.success) return reply.code(400).send({ error: "invalid_request" });
    const session = wanted.data.grant_type === "refresh_token" ? { token: wanted.data.refresh_token } : await redeem(wanted.data);
    const jwt = session === undefined ? undefined : await issueJwt(request, session.token);
    if (session === undefined || jwt === undefined) return reply.code(400).send({ error: "invalid_grant" });
    const idToken = "nonce" in session ? { id_token: await signIdToken(jwt, session.nonce) } : {};
    return {
      access_token: jwt,
      token_type: "Bearer",
      expires_in: TOKEN_LIFETIME_SECONDS,
      refresh_token: session.token,
      scope: "openid profile email",
      ...idToken,
    };
  });

  /** RFC 7009; the only token that can be revoked is the session. */
  server.post("/oauth/revoke", async (request, reply) => {
    const { token } = z.object({ token: text.catch("") }).parse(request.body ?? {});
    await pool.query("DELETE FROM session WHERE token = $1", [token]);
    return reply.code(200).send();
  });

  async function redeem(wanted: { code: string; redirect_uri: string; code_verifier: string }) {
    const grant = await codes.redeem(wanted.code);
    if (grant === undefined || grant.redirectUri !== wanted.redirect_uri || !proves(wanted.code_verifier, grant)) return undefined;
    const { rows } = await pool.query<{ token: string }>(`SELECT token FROM session WHERE id = $1 AND "expiresAt" > now()`, [
      grant.sessionId,
    ]);
    return rows[0] === undefined ? undefined : { token: rows[0].token, nonce: grant.nonce };
  }

  async function issueJwt(request: FastifyRequest, sessionToken: string): Promise<string | undefined> {
    if (!/^[\x21-\x7e]+$/.test(sessionToken)) return undefined;
    const response = await callAuth(request, { method: "GET", path: "/token", bearer: sessionToken });
    return response.ok ? jwtSchema.parse(await response.json()).token : undefined;
  }

  /** The person as the access token names them, for the client's own eyes. */
  async function signIdToken(jwt: string, nonce: string | null): Promise<string> {
    const claims = claimsSchema.parse(JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString()));
    const { token } = await auth.api.signJWT({
      body: { payload: { ...claims, aud: WEB_CLIENT_ID, ...(nonce === null ? {} : { nonce }) } },
    });
    return token;
  }
}

async function sessionOf(request: FastifyRequest, callAuth: AuthGateway): Promise<string | undefined> {
  const response = await callAuth(request, { method: "GET", path: "/get-session" });
  return sessionSchema.safeParse(await response.json()).data?.session.id;
}

/** RFC 8628, which the library answers. */
function isDeviceGrant(body: unknown): boolean {
  return typeof body === "object" && body !== null && "grant_type" in body && body.grant_type === DEVICE_GRANT_TYPE;
}

/** RFC 9207: the answer names who gives it. */
function answerTo(redirectUri: string, issuer: string) {
  return (parameters: Record<string, string | undefined>): string => {
    const url = new URL(redirectUri);
    for (const [name, value] of Object.entries({ ...parameters, iss: issuer })) if (value !== undefined) url.searchParams.set(name, value);
    return url.href;
  };
}

function refuseClient(reply: FastifyReply): FastifyReply {
  const page = problemPage(
    "Not possible",
    "The application that sent you here is not known, or asks to be answered at an unknown address.",
  );
  return reply.code(400).type("text/html; charset=utf-8").send(page);
}

function proves(verifier: string, { codeChallenge }: { codeChallenge: string }): boolean {
  const proof = createHash("sha256").update(verifier).digest();
  const wanted = Buffer.from(codeChallenge, "base64url");
  return proof.length === wanted.length && timingSafeEqual(proof, wanted);
}
