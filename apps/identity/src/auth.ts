/** The identity library and everything that we decide about it. */
import type { Logger } from "@whs/platform/log";
import { betterAuth, type BetterAuthOptions } from "better-auth";
import { APIError, createAuthMiddleware, isAPIError } from "better-auth/api";
import { bearer, deviceAuthorization, jwt } from "better-auth/plugins";
import type pg from "pg";
import type { Attempts, Limit } from "./attempts.ts";
import type { IdentityConfig } from "./config.ts";

/** Set by this server on every request to the library, over whatever the client sent. */
export const CLIENT_ADDRESS_HEADER = "x-identity-client-address";

/** The only client of the device flow. */
export const CLI_CLIENT_ID = "whs-cli";

/**
 * Short, because nobody can call a token back: revoking a session or disabling a user takes effect on tokens after at
 * most this time. Clients get a new one with their session.
 */
export const TOKEN_LIFETIME_SECONDS = 15 * 60;

const DAY_SECONDS = 24 * 60 * 60;

/** Per address, against floods; hashing a password costs some 60 ms of processor time. */
const PASSWORD_REQUESTS: Limit = { max: 300, windowSeconds: 60 };
const DEFAULT_REQUESTS: Limit = { max: 600, windowSeconds: 60 };
/** Per account and address, against guessing. */
const FAILURES_PER_ADDRESS: Limit = { max: 10, windowSeconds: 5 * 60 };
/** Per account over all addresses, against guessing from many. High enough that an outsider hardly locks anyone out. */
const FAILURES_PER_ACCOUNT: Limit = { max: 100, windowSeconds: 60 * 60 };

export interface AuthDependencies {
  config: IdentityConfig;
  pool: pg.Pool;
  attempts: Attempts;
  log: Logger;
}

export type Auth = ReturnType<typeof createAuth>;

export function createAuth({ config, pool, attempts, log }: AuthDependencies) {
  return betterAuth({
    appName: "WHS",
    baseURL: config.publicUrl,
    basePath: "/api/auth",
    secret: config.secret,
    database: pool,
    trustedOrigins: [...config.trustedOrigins],
    telemetry: { enabled: false },
    logger: { level: "warn", log: (level, message) => log[level](message) },
    onAPIError: {
      // What a client did wrong is in the answer; only what went wrong here is for the log.
      onError: (error) =>
        isAPIError(error) && error.statusCode < 500 ? undefined : log.error({ err: error }, "The identity library failed"),
    },
    emailAndPassword: { enabled: true, minPasswordLength: 8, maxPasswordLength: 128 },
    session: { expiresIn: 30 * DAY_SECONDS, updateAge: DAY_SECONDS },
    advanced: {
      cookiePrefix: "whs",
      // Said explicitly, because the library would not check while NODE_ENV is "test".
      disableOriginCheck: false,
      disableCSRFCheck: false,
      useSecureCookies: config.publicUrl.startsWith("https:"),
      defaultCookieAttributes: { httpOnly: true, sameSite: "lax" },
      ipAddress: { ipAddressHeaders: [CLIENT_ADDRESS_HEADER] },
    },
    rateLimit: requestLimits(attempts),
    hooks: { before: refuseGuessing(attempts), after: forgetFailures(attempts) },
    plugins: [
      jwt({
        // ES256 is what every OIDC consumer can verify.
        jwks: { keyPairConfig: { alg: "ES256" }, rotationInterval: 90 * DAY_SECONDS, gracePeriod: DAY_SECONDS },
        jwt: {
          issuer: config.publicUrl,
          audience: config.audience,
          expirationTime: `${TOKEN_LIFETIME_SECONDS}s`,
          definePayload: ({ user }) => ({ email: user.email, email_verified: user.emailVerified, name: user.name }),
        },
        disableSettingJwtHeader: true,
      }),
      bearer(),
      deviceAuthorization({
        verificationUri: "/device",
        expiresIn: "15m",
        interval: "5s",
        validateClient: (clientId) => clientId === CLI_CLIENT_ID,
      }),
    ],
  });
}

function requestLimits(attempts: Attempts): NonNullable<BetterAuthOptions["rateLimit"]> {
  const rule = ({ max, windowSeconds }: Limit) => ({ max, window: windowSeconds });
  return {
    enabled: true,
    ...rule(DEFAULT_REQUESTS),
    customRules: {
      "/sign-in/*": rule(PASSWORD_REQUESTS),
      "/sign-up/*": rule(PASSWORD_REQUESTS),
      "/device": rule(DEFAULT_REQUESTS),
      // Reads that cost little: not worth a write each.
      "/jwks": false,
      "/token": false,
      "/get-session": false,
    },
    customStorage: {
      consume: async (key, { max, window }) => attempts.consume(`request|${key}`, { max, windowSeconds: window }),
    },
  };
}

/** Counts a sign-in before the password is looked at, so that attempts at the same time all count. */
function refuseGuessing(attempts: Attempts) {
  return createAuthMiddleware(async (context) => {
    const keys = failureKeys(context);
    if (keys === undefined) return;
    const verdicts = [
      await attempts.consume(keys.address, FAILURES_PER_ADDRESS),
      await attempts.consume(keys.account, FAILURES_PER_ACCOUNT),
    ];
    const refused = verdicts.filter(({ allowed }) => !allowed);
    if (refused.length === 0) return;
    const retryAfter = String(Math.max(...refused.map((verdict) => verdict.retryAfter)));
    throw new APIError(
      "TOO_MANY_REQUESTS",
      { code: "TOO_MANY_ATTEMPTS", message: "Too many attempts. Try again later." },
      { "Retry-After": retryAfter },
    );
  });
}

/** A right password clears the counters, so that only failures add up. */
function forgetFailures(attempts: Attempts) {
  return createAuthMiddleware(async (context) => {
    const keys = failureKeys(context);
    if (keys !== undefined && context.context.newSession !== null) await attempts.forget([keys.address, keys.account]);
  });
}

function failureKeys(context: {
  path: string;
  body?: unknown;
  headers?: Headers | undefined;
}): { address: string; account: string } | undefined {
  if (context.path !== "/sign-in/email") return undefined;
  const { body } = context;
  if (typeof body !== "object" || body === null || !("email" in body) || typeof body.email !== "string") return undefined;
  const account = `sign-in|${body.email.toLowerCase()}`;
  return { account, address: `${account}|${context.headers?.get(CLIENT_ADDRESS_HEADER) ?? ""}` };
}
