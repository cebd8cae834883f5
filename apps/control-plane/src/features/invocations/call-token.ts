import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { z } from "zod";

/** How a running invocation came to be, and what its agent's own calls go on with. */
export interface CallChain {
  userId: string;
  traceId: string;
  traceparent: string | undefined;
  /** Of the agent that calls, or of the nearest one before it that has one. */
  sessionId: string | undefined;
  /** Epoch milliseconds when the invocation's time is over, and that of all it calls. */
  until: number;
  /** From the agent that was invoked first to the one that calls. */
  agentIds: readonly string[];
}

/** Tokens by which runtimes show, at any gateway, for which running invocation an agent calls. They open nothing else. */
export interface CallTokens {
  issue(chain: CallChain): string;
  /** @returns undefined for what is forged, or past its time */
  verify(token: string, nowMs: number): CallChain | undefined;
}

/** API tokens begin with `whs_` too: what is a secret looks like one to every log's filter, and this one to no lookup. */
const prefix = "whs_call_";
/** Of an HMAC-SHA256 in base64url. */
const proofLength = 43;

const textOrNone = z.union([z.string().min(1), z.null().transform(() => undefined)]);
const claimsSchema = z.tuple([z.string(), z.string(), textOrNone, textOrNone, z.number(), z.array(z.string()).min(1)]);

export function createCallTokens(key: Buffer): CallTokens {
  // Every invocation has its token: a key object spares it most of the time that the bytes of a key take.
  const secret = createSecretKey(key);
  const proofOf = (claims: string): string => createHmac("sha256", secret).update(claims).digest("base64url");
  return {
    issue({ userId, traceId, traceparent, sessionId, until, agentIds }) {
      const claims = Buffer.from(JSON.stringify([userId, traceId, traceparent, sessionId, until, agentIds])).toString("base64url");
      return prefix + claims + proofOf(claims);
    },
    verify(token, nowMs) {
      if (!token.startsWith(prefix) || token.length <= prefix.length + proofLength) return undefined;
      const claims = token.slice(prefix.length, -proofLength);
      if (!timingSafeEqual(Buffer.from(proofOf(claims)), asciiOf(token.slice(-proofLength)))) return undefined;
      const [userId, traceId, traceparent, sessionId, until, agentIds] = claimsSchema.parse(
        JSON.parse(Buffer.from(claims, "base64url").toString()),
      );
      return until > nowMs ? { userId, traceId, traceparent, sessionId, until, agentIds } : undefined;
    },
  };
}

/** One byte for each character, whatever it is, so that lengths are equal. */
function asciiOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
