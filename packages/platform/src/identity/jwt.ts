import { AppError, unauthenticated } from "@whs/platform/errors";
import { createRemoteJWKSet, errors, jwtVerify, type JWTVerifyGetKey } from "jose";

export interface JwtIdentity {
  /** The issuer's `sub`: the user's external id. */
  subject: string;
  email: string | null;
  name: string | null;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** @throws AppError `UNAUTHENTICATED`, or `UNAVAILABLE` when the issuer's keys cannot be had. */
export type VerifyJwt = (jwt: string) => Promise<JwtIdentity>;

/** Clocks of issuer and server may differ by this many seconds. */
const clockToleranceSeconds = 5;
/** Signature algorithms taken: asymmetric ones only, so that no public key can serve as an HMAC secret. */
const algorithms = ["EdDSA", "ES256", "ES384", "RS256", "PS256"];

/** Verifies tokens of any OIDC issuer by its published keys. */
export function createJwtVerifier(options: { issuer: string; audience: string; jwksUrl: string | undefined; now: () => Date }): VerifyJwt {
  let keys: Promise<JWTVerifyGetKey> | undefined;
  const findKeys = (): Promise<JWTVerifyGetKey> => {
    keys ??= (async () =>
      createRemoteJWKSet(new URL(options.jwksUrl ?? (await discoverJwksUrl(options.issuer))), { cooldownDuration: 2_000 }))();
    keys.catch(() => (keys = undefined));
    return keys;
  };
  return async (jwt) => {
    let key: JWTVerifyGetKey;
    try {
      key = await findKeys();
    } catch (cause) {
      throw new AppError("UNAVAILABLE", "The identity service cannot be reached.", { cause });
    }
    try {
      const { payload } = await jwtVerify(jwt, key, {
        issuer: options.issuer,
        audience: options.audience,
        algorithms,
        clockTolerance: clockToleranceSeconds,
        requiredClaims: ["sub", "exp"],
        currentDate: options.now(),
      });
      const { sub, exp } = payload;
      if (sub === undefined || sub === "" || sub.length > 255 || exp === undefined) throw unauthenticated("The token is not valid.");
      return { subject: sub, email: claim(payload["email"]), name: claim(payload["name"]), expiresAt: exp * 1000 };
    } catch (cause) {
      throw refused(cause);
    }
  };
}

function refused(cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  if (cause instanceof errors.JWKSTimeout || !(cause instanceof errors.JOSEError))
    return new AppError("UNAVAILABLE", "The identity service cannot be reached.", { cause });
  if (cause instanceof errors.JWTExpired) return unauthenticated("The token has expired.");
  return unauthenticated("The token is not valid.");
}

function claim(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value.slice(0, 320) : null;
}

async function discoverJwksUrl(issuer: string): Promise<string> {
  const response = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, {
    signal: AbortSignal.timeout(5_000),
    redirect: "error",
  });
  if (!response.ok) throw new Error(`The issuer's discovery document answers ${response.status}`);
  const document: unknown = await response.json();
  if (typeof document !== "object" || document === null || !("jwks_uri" in document) || typeof document.jwks_uri !== "string")
    throw new Error("The issuer's discovery document names no jwks_uri");
  return document.jwks_uri;
}
