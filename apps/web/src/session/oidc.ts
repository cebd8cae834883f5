/** Sign-in at any OIDC issuer: authorization code with PKCE, state and nonce; refresh; revocation. */
import * as oauth from "oauth4webapi";
import type { Config } from "../config.ts";
import type { Departure, Session } from "./sessions.ts";

/** `address` is the person's, by which an issuer that trusts this server counts attempts. */
export interface Oidc {
  /** @returns where to send the browser, and what to remember until it is back @throws IssuerUnavailable */
  depart(options: { returnTo: string; create: boolean }): Promise<{ url: string; departure: Departure }>;
  /** @throws SignInFailed when the issuer or the person said no, or the answer is not to our question */
  arrive(url: URL, departure: Departure, address: string): Promise<Session>;
  /** @returns undefined when the issuer takes the session for over @throws IssuerUnavailable */
  refresh(session: Session, address: string): Promise<Session | undefined>;
  /** Ends the session at the issuer, where it can. */
  revoke(session: Session): Promise<void>;
}

/** The issuer cannot be reached or does not work. */
export class IssuerUnavailable extends Error {
  override name = "IssuerUnavailable";
}

export class SignInFailed extends Error {
  override name = "SignInFailed";
}

const CALLBACK_PATH = "/auth/callback";
const TIMEOUT_MS = 10_000;
const DISCOVERY_LIFETIME_MS = 10 * 60_000;

export function createOidc({ oidc: settings, origin }: Pick<Config, "oidc" | "origin">): Oidc {
  const issuer = new URL(settings.issuer);
  const redirectUri = `${origin}${CALLBACK_PATH}`;
  const client: oauth.Client = { client_id: settings.clientId };
  const authentication = settings.clientSecret === undefined ? oauth.None() : oauth.ClientSecretPost(settings.clientSecret);
  // Beyond loopback the configuration has already refused http.
  const options = () => ({ [oauth.allowInsecureRequests]: issuer.protocol === "http:", signal: AbortSignal.timeout(TIMEOUT_MS) });
  const optionsFor = (address: string) => ({ ...options(), headers: { "x-forwarded-for": address } });
  const audience: Record<string, string> = settings.audienceParameter === "none" ? {} : { [settings.audienceParameter]: settings.audience };
  const refreshing = new Map<string, Promise<Session | undefined>>();

  let known: { server: oauth.AuthorizationServer; until: number } | undefined;
  const discover = async (): Promise<oauth.AuthorizationServer> => {
    if (known !== undefined && known.until > Date.now()) return known.server;
    const response = await reach(() => oauth.discoveryRequest(issuer, options()));
    const server = await reach(() => oauth.processDiscoveryResponse(issuer, response));
    known = { server, until: Date.now() + DISCOVERY_LIFETIME_MS };
    return server;
  };

  const sessionOf = (answer: oauth.TokenEndpointResponse, before?: Session): Session => {
    const claims = oauth.getValidatedIdTokenClaims(answer);
    const token = settings.token === "id_token" ? answer.id_token : answer.access_token;
    const subject = claims?.sub ?? before?.subject;
    if (token === undefined || subject === undefined) throw new SignInFailed("The issuer's answer lacks a token.");
    const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
    return {
      token,
      expiresAt: Date.now() + (answer.expires_in ?? 300) * 1000,
      refreshToken: answer.refresh_token ?? before?.refreshToken ?? null,
      signedInAt: before?.signedInAt ?? Date.now(),
      subject,
      name: text(claims?.["name"]) ?? before?.name ?? null,
      email: text(claims?.["email"]) ?? before?.email ?? null,
    };
  };

  const renew = async (session: Session, refreshToken: string, address: string): Promise<Session | undefined> => {
    const server = await discover();
    const response = await reach(() =>
      oauth.refreshTokenGrantRequest(server, client, authentication, refreshToken, {
        ...optionsFor(address),
        additionalParameters: audience,
      }),
    );
    try {
      return sessionOf(await oauth.processRefreshTokenResponse(server, client, response), session);
    } catch (error) {
      if (error instanceof oauth.ResponseBodyError && error.status < 500) return undefined;
      throw new IssuerUnavailable("The sign-in service does not work at the moment.", { cause: error });
    }
  };

  return {
    async depart({ returnTo, create }) {
      const server = await discover();
      if (server.authorization_endpoint === undefined) throw new IssuerUnavailable("The issuer has no authorization endpoint.");
      const verifier = oauth.generateRandomCodeVerifier();
      const departure = { state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce(), verifier, returnTo };
      const url = new URL(server.authorization_endpoint);
      const parameters = {
        response_type: "code",
        client_id: settings.clientId,
        redirect_uri: redirectUri,
        scope: settings.scopes,
        state: departure.state,
        nonce: departure.nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
        ...audience,
        ...(create ? { prompt: "create" } : {}),
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return { url: url.href, departure };
    },
    async arrive(url, { state, nonce, verifier }, address) {
      const server = await discover();
      try {
        const parameters = oauth.validateAuthResponse(server, client, url, state);
        const response = await oauth.authorizationCodeGrantRequest(server, client, authentication, parameters, redirectUri, verifier, {
          ...optionsFor(address),
          additionalParameters: audience,
        });
        const answer = await oauth.processAuthorizationCodeResponse(server, client, response, {
          expectedNonce: nonce,
          requireIdToken: true,
        });
        return sessionOf(answer);
      } catch (error) {
        throw new SignInFailed("The sign-in did not work.", { cause: error });
      }
    },
    async refresh(session, address) {
      const { refreshToken } = session;
      if (refreshToken === null) return undefined;
      // Requests of one page come together; an issuer that rotates refresh tokens takes each only once.
      const running = refreshing.get(refreshToken);
      if (running !== undefined) return running;
      const started = renew(session, refreshToken, address).finally(() => refreshing.delete(refreshToken));
      refreshing.set(refreshToken, started);
      return started;
    },
    async revoke({ refreshToken }) {
      const server = await discover();
      if (server.revocation_endpoint === undefined || refreshToken === null) return;
      await reach(() => oauth.revocationRequest(server, client, authentication, refreshToken, options()));
    },
  };
}

async function reach<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw new IssuerUnavailable("The sign-in service cannot be reached.", { cause });
  }
}
