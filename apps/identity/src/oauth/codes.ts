/** Authorization codes: issued to a signed-in browser, redeemed once by whoever knows the PKCE verifier. */
import { createHash, randomBytes } from "node:crypto";
import type pg from "pg";

/** RFC 6749, section 4.1.2, asks for at most ten minutes; a redirect takes a moment. */
const LIFETIME_SECONDS = 60;
const CODE_BYTES = 32;

export interface Grant {
  clientId: string;
  redirectUri: string;
  /** RFC 7636, method S256. */
  codeChallenge: string;
  nonce: string | null;
  sessionId: string;
}

export interface AuthorizationCodes {
  issue(grant: Grant): Promise<string>;
  /** What the code stands for; undefined when it is unknown, over, or was redeemed before. */
  redeem(code: string): Promise<Grant | undefined>;
  prune(): Promise<void>;
}

export function createAuthorizationCodes(pool: pg.Pool): AuthorizationCodes {
  return {
    async issue({ clientId, redirectUri, codeChallenge, nonce, sessionId }) {
      const code = randomBytes(CODE_BYTES).toString("base64url");
      await pool.query(
        `INSERT INTO identity.authorization_codes (code_sha256, client_id, redirect_uri, code_challenge, nonce, session_id, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))`,
        [sha256(code), clientId, redirectUri, codeChallenge, nonce, sessionId, LIFETIME_SECONDS],
      );
      return code;
    },
    async redeem(code) {
      const { rows } = await pool.query<Grant & { living: boolean }>(
        `DELETE FROM identity.authorization_codes WHERE code_sha256 = $1
         RETURNING client_id AS "clientId", redirect_uri AS "redirectUri", code_challenge AS "codeChallenge", nonce,
                   session_id AS "sessionId", expires_at > now() AS living`,
        [sha256(code)],
      );
      return rows[0]?.living === true ? rows[0] : undefined;
    },
    async prune() {
      await pool.query("DELETE FROM identity.authorization_codes WHERE expires_at < now()");
    },
  };
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
